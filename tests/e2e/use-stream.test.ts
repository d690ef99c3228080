import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ModelRequest, ModelStep } from '@millrace/simulated-model';
import { eventually, type FaultProxy, startFaultProxy } from '@millrace/testing';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { complaintsOf, hasChromium, launchChromium } from './chromium.ts';
import { SystemHarness } from './system-harness.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TIMEOUT_MS = 240_000;

async function buildPage(into: string): Promise<void> {
  const page = fileURLToPath(new URL('stream-page', import.meta.url));
  const options = ['--outDir', into, '--emptyOutDir', '--logLevel', 'error'];
  await promisify(execFile)(join(ROOT, 'node_modules/.bin/vite'), ['build', page, ...options], { cwd: ROOT });
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

/** How many results the model has been told since the question. */
function resultsIn({ body }: ModelRequest): number {
  const items = (body.messages ?? body.input) as { role?: string; type?: string }[];
  const asked = items.findLastIndex(({ role }) => role === 'user');
  return items.slice(asked).filter(({ role, type }) => role === 'tool' || type === 'function_call_output').length;
}

const inChromium = hasChromium ? describe : describe.skip;

inChromium('useStream of @langchain/react, in Chromium, through nginx', () => {
  const parts = new AsyncDisposableStack();
  let system: SystemHarness;
  /** between the browser and nginx */
  let network: FaultProxy;
  let browser: Browser;
  beforeAll(async () => {
    const pages = await mkdtemp(join(tmpdir(), 'millrace-stream-'));
    parts.defer(() => rm(pages, { recursive: true }));
    await buildPage(pages);
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

  /** Opens a thread; its questions begin with its id, which no other test has. */
  async function open(id: string, more = ''): Promise<Page> {
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${network.port}/index.html?thread=${id}${more}`);
    await page.getByLabel('Your question').waitFor();
    return page;
  }

  it('shows each word when it is said, and goes on with the conversation', async () => {
    const id = 'words';
    const page = await open(id);
    await until(page, 'ready');
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
    // the client asks for the state of a thread that is yet to be made
    expect(complaints.filter((complaint) => !/404/.test(complaint))).toEqual([]);
  });

  it('goes on after a reload midway, in a second tab too, to the same whole answer', async () => {
    const id = 'reload';
    const page = await open(id);
    await until(page, 'ready');
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
    for (const each of [page, tab]) {
      await until(each, 'ready');
      await shows(each, `${id} one`, 'First', `${id} two`, 'half and half');
    }
    await page.reload();
    await shows(page, `${id} one`, 'First', `${id} two`, 'half and half');
  });

  it('goes on after its network was lost, without gap or repeat', async () => {
    const id = 'network';
    const page = await open(id);
    await until(page, 'ready');
    const gate = system.model.gated({ to: id });
    await ask(page, id);
    await gate.say('before');
    await shows(page, id, 'before');
    network.reset();
    await gate.say(', meanwhile');
    await shows(page, id, 'before, meanwhile');
    await gate.say(', after');
    await gate.finish();
    await until(page, 'ready');
    await shows(page, id, 'before, meanwhile, after');
  });

  it('stops the model', async () => {
    const id = 'stops';
    const page = await open(id);
    await until(page, 'ready');
    const gate = system.model.gated({ to: id });
    await ask(page, id);
    await gate.say('half');
    await shows(page, id, 'half');
    await button(page, 'Stop').click();
    expect((await (await gate.request).ended).by).toBe('client');
    await until(page, 'ready');
    // the thread keeps what was said
    await page.reload();
    await shows(page, id, 'half');
  });

  it('asks a person, after a reload too, and goes on with the answer', async () => {
    const id = 'mails';
    const call: ModelStep = { toolCall: { id: 'm1', name: 'mail', arguments: '{"to":"Ann"}' } };
    system.model.answer((request) => (resultsIn(request) === 0 ? ['I write. ', call] : ['Sent.']), { to: id });
    const page = await open(id, '&assistant=mailing');
    await until(page, 'ready');
    await ask(page, id);
    await button(page, 'Approve').waitFor();
    await page.reload();
    await button(page, 'Approve').click();
    await shows(page, id, 'I write. ', 'sent to Ann', 'Sent.');
    await until(page, 'ready');
    expect(await button(page, 'Approve').count()).toBe(0);
  });

  it('shows what went wrong', async () => {
    const page = await open('wrong', '&assistant=nobody');
    await until(page, 'ready');
    await ask(page, 'hi');
    await page
      .getByRole('alert')
      .filter({ hasText: /pipeline|nobody/i })
      .waitFor();
  });
});
