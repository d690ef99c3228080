import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ModelStep } from '@millrace/simulated-model';
import { eventually, type FaultProxy, startFaultProxy } from '@millrace/testing';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { complaintsOf, hasChromium, launchChromium } from './chromium.ts';
import { SystemHarness } from './system-harness.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const VERSIONS = ['ai-5', 'ai-6', 'ai-7'] as const;
const TIMEOUT_MS = 240_000;

/** Builds the chat's page with each version of the AI SDK, each in a folder of its name. */
async function buildPages(into: string): Promise<void> {
  const vite = join(ROOT, 'node_modules/.bin/vite');
  const page = fileURLToPath(new URL('chat-page', import.meta.url));
  for (const version of VERSIONS) {
    const options = ['--mode', version, '--outDir', join(into, version), '--logLevel', 'error'];
    await promisify(execFile)(vite, ['build', page, ...options], { cwd: ROOT });
  }
}

const lines = (page: Page) => page.locator('li').allTextContents();
const until = (page: Page, status: string) => page.locator(`main[data-status="${status}"]`).waitFor();
const button = (page: Page, name: string) => page.getByRole('button', { name });

/** Waits until the page shows exactly this conversation. */
async function shows(page: Page, ...conversation: string[]): Promise<void> {
  await eventually(async () => JSON.stringify(await lines(page)) === JSON.stringify(conversation)).catch(
    () => undefined,
  );
  expect(await lines(page)).toEqual(conversation);
}

async function ask(page: Page, question: string): Promise<void> {
  await page.getByLabel('Your question').fill(question);
  await page.keyboard.press('Enter');
}

const inChromium = hasChromium ? describe : describe.skip;

inChromium('useChat, in Chromium, through nginx', () => {
  const parts = new AsyncDisposableStack();
  let system: SystemHarness;
  /** between the browser and nginx */
  let network: FaultProxy;
  let browser: Browser;
  beforeAll(async () => {
    const pages = await mkdtemp(join(tmpdir(), 'millrace-chat-'));
    parts.defer(() => rm(pages, { recursive: true }));
    await buildPages(pages);
    const env = {
      MILLRACE_WEB_ROOT: pages,
      MILLRACE_GRAPHS: 'tests/e2e/mailing-agent/langgraph.json',
      OPENAI_API_KEY: 'simulated',
    };
    system = parts.use(await SystemHarness.start({ env }));
    network = parts.use(await startFaultProxy({ target: Number(new URL(system.url).port) }));
    browser = await launchChromium();
    parts.defer(() => browser.close());
  });
  afterAll(() => parts.disposeAsync(), TIMEOUT_MS);

  let context: BrowserContext;
  let complaints: string[];
  beforeEach(async () => {
    context = await browser.newContext();
    complaints = complaintsOf(context);
  });
  afterEach(() => context.close());

  /** The browser is told that it is offline, and its connections break. `setOffline(false)` brings the network back. */
  async function loseNetwork(): Promise<void> {
    await context.setOffline(true);
    network.reset();
  }

  describe.each(VERSIONS)('of %s', (version) => {
    /** Opens a chat; its questions begin with its id, which no other test has. */
    async function open(id: string, more = ''): Promise<Page> {
      const page = await context.newPage();
      await page.goto(`http://127.0.0.1:${network.port}/${version}/index.html?chat=${id}${more}`);
      await page.getByLabel('Your question').waitFor();
      return page;
    }

    it('shows each word when it is said, and goes on with the conversation', async () => {
      const id = `${version}-words`;
      const page = await open(id);
      const gate = system.model.gated({ to: `${id} one` });
      await ask(page, `${id} one`);
      let said = '';
      for (const word of ['Hel', 'lo', ' <b>you</b>', ' 🌅']) {
        await gate.say(word);
        said += word;
        await shows(page, `${id} one`, said);
        await until(page, 'streaming');
      }
      await gate.finish();
      await until(page, 'ready');
      system.model.answer(['Again'], { to: `${id} two` });
      await ask(page, `${id} two`);
      await shows(page, `${id} one`, said, `${id} two`, 'Again');
      await until(page, 'ready');
      expect(complaints).toEqual([]);
    });

    it('resumes after a reload, in a second tab too, to the same whole answer', async () => {
      const id = `${version}-reload`;
      const page = await open(id);
      system.model.answer(['First'], { to: `${id} one` });
      await ask(page, `${id} one`);
      await shows(page, `${id} one`, 'First');
      await until(page, 'ready');
      const gate = system.model.gated({ to: `${id} two` });
      await ask(page, `${id} two`);
      await gate.say('half');
      await shows(page, `${id} one`, 'First', `${id} two`, 'half');
      await page.reload();
      await shows(page, `${id} one`, 'First', `${id} two`, 'half');
      const tab = await open(id);
      await gate.say(' and half');
      for (const each of [page, tab]) await shows(each, `${id} one`, 'First', `${id} two`, 'half and half');
      await gate.finish();
      for (const each of [page, tab]) await until(each, 'ready');
      await page.reload();
      await until(page, 'ready');
      await shows(page, `${id} one`, 'First', `${id} two`, 'half and half');
      expect(complaints).toEqual([]);
    });

    it('stops the model, and shows what was said after a reload', async () => {
      const id = `${version}-stop`;
      const page = await open(id);
      const gate = system.model.gated({ to: id });
      await ask(page, id);
      await gate.say('half an ans');
      await shows(page, id, 'half an ans');
      await button(page, 'Stop').click();
      expect((await (await gate.request).ended).by).toBe('client');
      await until(page, 'ready');
      await shows(page, id, 'half an ans');
      await page.reload();
      await until(page, 'ready');
      await shows(page, id, 'half an ans');
      expect(complaints).toEqual([]);
    });

    it('goes on when the network is back', async () => {
      const id = `${version}-network`;
      const page = await open(id);
      const gate = system.model.gated({ to: id });
      await ask(page, id);
      await gate.say('half');
      await shows(page, id, 'half');
      await loseNetwork();
      await until(page, 'error');
      await gate.say(', meanwhile');
      await context.setOffline(false);
      await shows(page, id, 'half, meanwhile');
      await gate.say(', after');
      await gate.finish();
      await until(page, 'ready');
      await shows(page, id, 'half, meanwhile, after');
    });

    it('gets the whole of an answer that ended while the network was lost', async () => {
      const id = `${version}-missed`;
      const page = await open(id);
      const gate = system.model.gated({ to: id });
      await ask(page, id);
      await gate.say('half');
      await shows(page, id, 'half');
      await loseNetwork();
      await until(page, 'error');
      await gate.say(' and half');
      await gate.finish();
      await eventually(async () => (await fetch(`${system.url}/api/chat/${id}/stream`)).status === 204);
      await context.setOffline(false);
      await until(page, 'ready');
      await shows(page, id, 'half and half');
    });

    it('asks again', async () => {
      const id = `${version}-again`;
      const page = await open(id);
      system.model.answer(['one'], { to: id });
      await ask(page, id);
      await shows(page, id, 'one');
      await until(page, 'ready');
      system.model.answer(['two'], { to: id });
      await button(page, 'Again').click();
      await shows(page, id, 'two');
      await until(page, 'ready');
      await page.reload();
      await shows(page, id, 'two');
      expect(complaints).toEqual([]);
    });

    it('shows errors as plain text, before an answer and midway', async () => {
      const id = `${version}-error`;
      const refused = await open(id, '&pipeline=nothing');
      await ask(refused, id);
      await refused.getByRole('alert').waitFor();
      expect(await refused.getByRole('alert').textContent()).toMatch(/^[^{}<>]*pipeline[^{}<>]*$/i);
      const page = await open(id);
      const gate = system.model.gated({ to: id });
      await ask(page, id);
      await gate.say('half');
      await shows(page, id, 'half');
      void gate.step({ reset: true });
      await page.getByRole('alert').waitFor();
      expect(await page.getByRole('alert').textContent()).toMatch(/^[^{}<>]*model[^{}<>]*$/i);
      await shows(page, id, 'half');
    });
  });

  it.each(VERSIONS.slice(1))('asks a person to approve a tool, and goes on: %s', async (version) => {
    const id = `${version}-approval`;
    const call: ModelStep = { toolCall: { id: 'm1', name: 'mail', arguments: '{"to":"ann"}' } };
    system.model.answer(({ body }) => (body.messages?.at(-1)?.role === 'tool' ? ['Done.'] : [call]), { to: id });
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${network.port}/${version}/index.html?chat=${id}&pipeline=mailing`);
    await ask(page, id);
    await button(page, 'Approve the mail to ann').click();
    await shows(page, id, 'sent to annDone.');
    await until(page, 'ready');
    expect(complaints).toEqual([]);
  });
});
