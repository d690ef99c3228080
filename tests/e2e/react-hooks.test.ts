import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Millrace } from '@millrace/client';
import { eventually } from '@millrace/testing';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { complaintsOf, hasChromium, launchChromium } from './chromium.ts';
import { SystemHarness } from './system-harness.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TIMEOUT_MS = 240_000;

/** In development mode, in which React draws and subscribes twice. */
async function buildPage(into: string): Promise<void> {
  const page = fileURLToPath(new URL('react-page', import.meta.url));
  const options = ['--mode', 'development', '--outDir', into, '--emptyOutDir', '--logLevel', 'error'];
  const env = { ...process.env, NODE_ENV: 'development' };
  await promisify(execFile)(join(ROOT, 'node_modules/.bin/vite'), ['build', page, ...options], { cwd: ROOT, env });
}

const inChromium = hasChromium ? describe : describe.skip;

inChromium('the hooks of the SDK, in Chromium, through nginx, in StrictMode', () => {
  const parts = new AsyncDisposableStack();
  let system: SystemHarness;
  let browser: Browser;
  beforeAll(async () => {
    const pages = await mkdtemp(join(tmpdir(), 'millrace-react-'));
    parts.defer(() => rm(pages, { recursive: true }));
    await buildPage(pages);
    system = parts.use(await SystemHarness.start({ env: { MILLRACE_WEB_ROOT: pages } }));
    browser = await launchChromium();
    parts.defer(() => browser.close());
  });
  afterAll(() => parts.disposeAsync(), TIMEOUT_MS);

  let context: BrowserContext;
  let complaints: string[];
  /** paths of requests, in order */
  let requests: string[];
  beforeEach(async () => {
    context = await browser.newContext();
    complaints = complaintsOf(context);
    requests = [];
    context.on('request', (request) => requests.push(new URL(request.url()).pathname));
  });
  afterEach(() => context.close());

  async function open(query = ''): Promise<Page> {
    const page = await context.newPage();
    await page.goto(`${system.url}/index.html?${query}`);
    return page;
  }

  async function ask(page: Page, question: string): Promise<void> {
    await page.getByLabel('Your question').fill(question);
    await page.keyboard.press('Enter');
  }

  async function shows(page: Page, ...lines: string[]): Promise<void> {
    const shown = () => page.locator('li').allTextContents();
    await eventually(async () => JSON.stringify(await shown()) === JSON.stringify(lines)).catch(() => undefined);
    expect(await shown()).toEqual(lines);
  }

  const streams = () => requests.filter((path) => path.endsWith('/stream'));
  const press = (page: Page, name: string) => page.getByRole('button', { name }).click();

  it('useThread shows a new conversation in two tabs, over one stream each', async () => {
    const gate = system.model.gated({ to: 'Why is it blue?' });
    const page = await open();
    await ask(page, 'Why is it blue?');
    await shows(page, 'user: Why is it blue?', 'assistant: ');
    await gate.say('Because ');
    await shows(page, 'user: Why is it blue?', 'assistant: Because ');
    const thread = await page.locator('main').getAttribute('data-thread');
    const other = await open(`thread=${thread}`);
    await shows(other, 'user: Why is it blue?', 'assistant: Because ');
    await gate.say('of light.');
    for (const tab of [page, other]) {
      await shows(tab, 'user: Why is it blue?', 'assistant: Because of light.');
      expect(await tab.locator('output').textContent()).toBe('2');
    }
    await press(other, 'Stop');
    for (const tab of [page, other]) await tab.locator('main[data-activity="idle"]').waitFor();
    expect(await page.locator('h1').textContent()).toBe('Why is it blue?');
    expect(streams()).toHaveLength(2);
    expect(complaints).toEqual([]);
  });

  it('useThread makes the thread of an id that the page has made up', async () => {
    system.model.answer(['Hello.'], { to: 'Hi' });
    const page = await open('thread=made-up-by-the-page');
    await page.locator('main[data-state="new"]').waitFor();
    await ask(page, 'Hi');
    await shows(page, 'user: Hi', 'assistant: Hello.');
    const again = await open('thread=made-up-by-the-page');
    await shows(again, 'user: Hi', 'assistant: Hello.');
    expect(await again.locator('h1').textContent()).toBe('Hi');
    // that there was no such thread is what a browser writes down by itself
    expect(complaints.filter((each) => !each.includes('404'))).toEqual([]);
  });

  it('useThread leaves with its component, and goes on where it was', async () => {
    const gate = system.model.gated({ to: 'Go on' });
    const page = await open();
    await ask(page, 'Go on');
    await gate.say('a');
    await shows(page, 'user: Go on', 'assistant: a');
    const closed = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/stream'));
    await press(page, 'Hide');
    await closed;
    await gate.say('b');
    await press(page, 'Show');
    await shows(page, 'user: Go on', 'assistant: ab');
    await gate.finish();
    await page.locator('main[data-activity="idle"]').waitFor();
    expect(streams()).toHaveLength(2);
    expect(complaints).toEqual([]);
  });

  it('useJob shows one job, and useThreads the list', async () => {
    const client = new Millrace({ baseUrl: system.url });
    const gate = system.model.gated({ to: 'One job' });
    const job = await client.jobs.submit({ query: 'One job' });
    const page = await open(`job=${job.id}`);
    await gate.say('So ');
    await page.getByText('job: So').waitFor();
    await gate.say('far.');
    await gate.finish();
    await page.locator('p[data-status="completed"]').waitFor();
    expect(await page.locator('p').textContent()).toBe('job: So far.');
    expect(streams()).toHaveLength(1);

    for (const title of ['Red', 'Light blue']) await client.threads.create({ metadata: { title } });
    const list = await open('list');
    await list.getByText('Light blue').waitFor();
    expect((await list.locator('nav span').allTextContents()).slice(0, 2)).toEqual(['Light blue', 'Red']);
    await press(list, 'Search');
    await list.getByText('Red', { exact: true }).waitFor({ state: 'detached' });
    expect((await list.locator('nav span').allTextContents())[0]).toBe('Light blue');
    expect(complaints).toEqual([]);
  });
});
