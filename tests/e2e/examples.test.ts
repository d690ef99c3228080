import { execFile, execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Child, eventually, type FaultProxy, freePort, startFaultProxy } from '@millrace/testing';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { complaintsOf, hasChromium, launchChromium } from './chromium.ts';
import { SystemHarness } from './system-harness.ts';

const folder = (name: string) => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
const TIMEOUT_MS = 240_000;

const parts = new AsyncDisposableStack();
let system: SystemHarness;
let nextPort: string;
let vitePort: string;
beforeAll(async () => {
  nextPort = String(await freePort());
  vitePort = String(await freePort());
  const env = {
    MILLRACE_WEB_ROOT: folder('chat-html'),
    MILLRACE_CORS_ORIGINS: [nextPort, vitePort].map((port) => `http://127.0.0.1:${port}`).join(','),
    OPENAI_API_KEY: 'simulated',
  };
  system = parts.use(await SystemHarness.start({ env }));
});
afterAll(() => parts.disposeAsync(), TIMEOUT_MS);

const inChromium = hasChromium ? describe : describe.skip;

inChromium('the example', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
    parts.defer(() => browser.close());
  }, TIMEOUT_MS);

  let context: BrowserContext;
  let page: Page;
  let complaints: string[];
  beforeEach(async () => {
    context = await browser.newContext();
    complaints = complaintsOf(context);
    page = await context.newPage();
  });
  afterEach(() => context.close());

  async function ask(question: string): Promise<void> {
    await page.getByRole('button', { name: 'Ask', disabled: false }).waitFor();
    await page.getByLabel('Your question').fill(question);
    await page.keyboard.press('Enter');
  }
  const button = (name: string) => page.getByRole('button', { name });

  /** Waits until the page shows exactly this conversation. */
  async function shows(...conversation: string[]): Promise<void> {
    const lines = () => page.locator('li').allTextContents();
    await eventually(async () => JSON.stringify(await lines()) === JSON.stringify(conversation)).catch(() => undefined);
    expect(await lines()).toEqual(conversation);
  }

  /** Streams word by word, goes on with the conversation, resumes after a reload, stops. */
  async function showsAChat(name: string): Promise<void> {
    const first = system.model.gated({ to: `${name} one` });
    await ask(`${name} one`);
    await first.say('Hel');
    await shows(`${name} one`, 'Hel');
    await first.say('lo <b>');
    await shows(`${name} one`, 'Hello <b>');
    await page.reload();
    await shows(`${name} one`, 'Hello <b>');
    await first.say(' again');
    await first.finish();
    await button('Ask').waitFor();
    await shows(`${name} one`, 'Hello <b> again');
    const second = system.model.gated({ to: `${name} two` });
    await ask(`${name} two`);
    await second.say('half');
    expect((await second.request).body.messages?.slice(-3)).toMatchObject([
      { role: 'user' },
      { role: 'assistant', content: 'Hello <b> again' },
      { role: 'user' },
    ]);
    await shows(`${name} one`, 'Hello <b> again', `${name} two`, 'half');
    await button('Stop').click();
    expect((await (await second.request).ended).by).toBe('client');
    await button('Ask').waitFor();
    await page.reload();
    await shows(`${name} one`, 'Hello <b> again', `${name} two`, 'half');
    expect(complaints).toEqual([]);
  }

  describe('chat-html', () => {
    it('streams, goes on after a reload, and stops', async () => {
      await page.goto(system.url);
      await showsAChat('html');
    });

    it('goes on when the network is back, in an answer that has ended too', async () => {
      await using network = await startFaultProxy({ target: Number(new URL(system.url).port) });
      await page.goto(`http://127.0.0.1:${network.port}`);
      const gate = system.model.gated({ to: 'html cut' });
      await ask('html cut');
      await gate.say('half');
      await shows('html cut', 'half');
      network.refuse(true);
      await gate.say(' and half');
      await gate.finish();
      network.refuse(false);
      await shows('html cut', 'half and half');
      await button('Ask').waitFor();
    });

    it('says what went wrong', async () => {
      await page.goto(system.url);
      const gate = system.model.gated({ to: 'html fails' });
      await ask('html fails');
      await gate.say('half');
      await shows('html fails', 'half');
      void gate.step({ reset: true });
      await page.getByRole('alert').filter({ hasText: /model/i }).waitFor();
    });
  });

  describe('chat-express', () => {
    let network: FaultProxy;
    let express: Child;
    let port: string;
    const start = async () => {
      const env = { PATH: process.env['PATH'], PORT: port, MILLRACE_URL: `http://127.0.0.1:${network.port}` };
      express = await Child.start({
        command: process.execPath,
        args: ['server.mjs'],
        cwd: folder('chat-express'),
        env,
      });
      await express.line((line) => line.startsWith('http://localhost:'));
    };
    beforeAll(async () => {
      network = parts.use(await startFaultProxy({ target: Number(new URL(system.url).port) }));
      port = String(await freePort());
      await start();
      parts.defer(() => express[Symbol.asyncDispose]());
    }, TIMEOUT_MS);

    it('streams, goes on after a reload, and stops', async () => {
      await page.goto(`http://127.0.0.1:${port}`);
      await showsAChat('express');
    });

    it('goes on after a restart of its backend, and of the way to Millrace', async () => {
      await page.goto(`http://127.0.0.1:${port}`);
      const gate = system.model.gated({ to: 'express cut' });
      await ask('express cut');
      await gate.say('half');
      await shows('express cut', 'half');
      network.reset();
      await gate.say(' and half');
      await shows('express cut', 'half and half');
      await express[Symbol.asyncDispose]();
      await gate.say(' and half');
      await start();
      await shows('express cut', 'half and half and half');
      await gate.finish();
      await button('Ask').waitFor();
    });

    it('says what went wrong', async () => {
      await page.goto(`http://127.0.0.1:${port}`);
      const gate = system.model.gated({ to: 'express fails' });
      await ask('express fails');
      await gate.say('half');
      await shows('express fails', 'half');
      void gate.step({ reset: true });
      await page.getByRole('alert').filter({ hasText: /model/i }).waitFor();
    });
  });

  describe('chat-nextjs', () => {
    let network: FaultProxy;
    let url: string;
    beforeAll(async () => {
      const cwd = folder('chat-nextjs');
      const next = 'node_modules/next/dist/bin/next';
      network = parts.use(await startFaultProxy({ target: Number(new URL(system.url).port) }));
      const env = {
        ...{ PATH: process.env['PATH'], HOME: process.env['HOME'], NEXT_TELEMETRY_DISABLED: '1' },
        MILLRACE_URL: `http://127.0.0.1:${network.port}`,
      };
      await promisify(execFile)(process.execPath, [next, 'build'], { cwd, env });
      url = `http://127.0.0.1:${nextPort}`;
      const args = [next, 'start', '--hostname', '127.0.0.1', '--port', nextPort];
      const server = parts.use(await Child.start({ command: process.execPath, args, cwd, env }));
      await server.line((line) => line.includes('Ready'));
    }, 240_000);

    /** Until then a form is the browser's own. */
    async function open(): Promise<void> {
      const isLive = page.waitForResponse((response) => response.url().endsWith('/stream'));
      await page.goto(url);
      await isLive;
    }

    it('streams, goes on after a reload, and stops', async () => {
      await open();
      await showsAChat('next');
    });

    it('goes on after a lost connection, in an answer that has ended too', async () => {
      await open();
      const gate = system.model.gated({ to: 'next cut' });
      await ask('next cut');
      await gate.say('half');
      await shows('next cut', 'half');
      network.reset();
      await gate.say(' and half');
      await shows('next cut', 'half and half');
      network.reset();
      await gate.say(' and half');
      await gate.finish();
      await shows('next cut', 'half and half and half');
      await button('Ask').waitFor();
    });

    it('says what went wrong, and asks again', async () => {
      await open();
      const gate = system.model.gated({ to: 'next fails' });
      await ask('next fails');
      await gate.say('half');
      await shows('next fails', 'half');
      void gate.step({ reset: true });
      await page.getByRole('alert').filter({ hasText: /model/i }).waitFor();
      system.model.answer(['better'], { to: 'next fails' });
      await button('Try again').click();
      await shows('next fails', 'better');
    });
  });

  describe('chat-react', () => {
    let network: FaultProxy;
    let url: string;
    beforeAll(async () => {
      const cwd = folder('chat-react');
      network = parts.use(await startFaultProxy({ target: Number(new URL(system.url).port) }));
      const { PATH, HOME } = process.env;
      const env = { PATH, HOME, VITE_MILLRACE_URL: `http://127.0.0.1:${network.port}` };
      await promisify(execFile)('npm', ['run', 'build'], { cwd, env });
      const args = ['node_modules/vite/bin/vite.js', '--host', '127.0.0.1', '--port', vitePort, '--strictPort'];
      const server = parts.use(await Child.start({ command: process.execPath, args, cwd, env }));
      await server.line((line) => line.includes('ready in'));
      url = `http://127.0.0.1:${vitePort}`;
    }, 240_000);

    it('streams, goes on after a reload, and stops', async () => {
      await page.goto(url);
      await showsAChat('react');
    });

    it('goes on after a lost connection, and in a second tab', async () => {
      await page.goto(url);
      const gate = system.model.gated({ to: 'react cut' });
      await ask('react cut');
      await gate.say('half');
      await shows('react cut', 'half');
      network.reset();
      await gate.say(' and half');
      await shows('react cut', 'half and half');
      const first = page;
      page = await context.newPage();
      await page.goto(first.url());
      await shows('react cut', 'half and half');
      await gate.say(' again');
      await gate.finish();
      for (page of [page, first]) await shows('react cut', 'half and half again');
    });

    it('says what went wrong, and asks again', async () => {
      await page.goto(url);
      const gate = system.model.gated({ to: 'react fails' });
      await ask('react fails');
      await gate.say('half');
      await shows('react fails', 'half');
      void gate.step({ reset: true });
      await page.getByRole('alert').filter({ hasText: /model/i }).waitFor();
      system.model.answer(['better'], { to: 'react fails' });
      await button('Try again').click();
      await shows('react fails', 'better');
      await button('Ask').waitFor();
      await page.reload();
      await shows('react fails', 'better');
    });
  });
});

/** The Python that has the package, or any if none is named; Debian's packages are for its own. */
function pythonWith(name = 'json'): string | undefined {
  return ['python3', '/usr/bin/python3'].find((python) => {
    try {
      execFileSync(python, ['-c', `import ${name}`], { stdio: 'ignore' });
      return true;
    } catch {
      return false; // no Python, or not the package
    }
  });
}

describe('the example chat-python', () => {
  const start = (python: string, program: string, questions: string[], url = system.url) =>
    Child.start({
      command: python,
      args: ['-u', program, ...questions],
      cwd: folder('chat-python'),
      env: { PATH: process.env['PATH'], MILLRACE_URL: url },
    });
  const python = pythonWith();
  const httpx = pythonWith('httpx');

  (python === undefined ? it.skip : it)('ask.py goes on after a lost connection', async () => {
    await using network = await startFaultProxy({ target: Number(new URL(system.url).port) });
    const gate = system.model.gated({ to: 'python cut' });
    await using program = await start(python ?? '', 'ask.py', ['python cut'], `http://127.0.0.1:${network.port}`);
    await gate.say('first\n');
    await program.line((line) => line === 'first');
    network.reset();
    await gate.say('second\n');
    await program.line((line) => line === 'second');
    await gate.say('third');
    await gate.finish();
    expect((await program.exited).code).toBe(0);
    expect(program.lines).toEqual(['first', 'second', 'third']);
  });

  (python === undefined ? it.skip : it)('ask.py stops the model on Ctrl-C, and says what went wrong', async () => {
    const gate = system.model.gated({ to: 'python stops' });
    await using stopped = await start(python ?? '', 'ask.py', ['python stops']);
    await gate.say('first\n');
    await stopped.line((line) => line === 'first');
    process.kill(stopped.pid, 'SIGINT');
    expect((await (await gate.request).ended).by).toBe('client');
    expect((await stopped.exited).code).toBe(1);
    expect(stopped.lines.at(-1)).toBe('Stopped.');

    const broken = system.model.gated({ to: 'python fails' });
    await using failed = await start(python ?? '', 'ask.py', ['python fails']);
    await broken.say('half\n');
    await failed.line((line) => line === 'half');
    void broken.step({ reset: true });
    expect((await failed.exited).code).toBe(1);
    expect(failed.lines.at(-1)).toMatch(/model/i);
  });

  (httpx === undefined ? it.skip : it)('ask_httpx.py asks at once, and waits for whole answers', async () => {
    await using network = await startFaultProxy({ target: Number(new URL(system.url).port) });
    const gate = system.model.gated({ to: 'httpx one' });
    system.model.answer(['and ', 'two'], { to: 'httpx two' });
    const questions = ['httpx one', 'httpx two'];
    await using program = await start(httpx ?? '', 'ask_httpx.py', questions, `http://127.0.0.1:${network.port}`);
    await gate.say('one ');
    network.reset();
    await gate.say('and only');
    await gate.finish();
    expect((await program.exited).code).toBe(0);
    expect(program.lines).toEqual(['one and only', 'and two']);
  });
});
