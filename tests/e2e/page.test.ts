import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type SimulatedModel, startModel } from '@millrace/simulated-model';
import { freePort, newKeyPrefix, spawnService, startRedis } from '@millrace/testing';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { complaintsOf, hasChromium, launchChromium } from './chromium.ts';

const WEB_ROOT = fileURLToPath(new URL('../../services/web/dist', import.meta.url));
const TIMEOUT_MS = 60_000;

// the whole of an exchange can be read from the page's text: no test looks into the DOM
const answerOf = (page: Page) => page.locator('.exchange').last().locator('.answer');
const stateOf = (page: Page, state: string) => page.locator(`.exchange:last-child[data-state="${state}"]`).waitFor();

const inChromium = hasChromium ? describe : describe.skip;

inChromium('the page, in Chromium', () => {
  const system = new AsyncDisposableStack();
  let model: SimulatedModel;
  let browser: Browser;
  let context: BrowserContext;
  let url: string;
  let complaints: string[];

  beforeAll(async () => {
    const redis = system.use(await startRedis());
    model = system.use(await startModel());
    const settings = {
      REDIS_URL: redis.url,
      MILLRACE_KEY_PREFIX: newKeyPrefix(),
      OPENAI_BASE_URL: model.baseUrl,
      OPENAI_API_KEY: 'simulated',
      MILLRACE_WEB_ROOT: WEB_ROOT,
    };
    const healthPort = String(await freePort());
    system.use(
      await spawnService('worker', { ...settings, PORT: healthPort, MILLRACE_WORKER_HEALTH_PORT: healthPort }),
    );
    url = system.use(await spawnService('api', settings)).url;
    browser = await launchChromium();
    system.defer(() => browser.close());
  }, TIMEOUT_MS);

  afterAll(() => system.disposeAsync(), TIMEOUT_MS);

  beforeEach(async () => {
    await context?.close();
    context = await browser.newContext();
    complaints = complaintsOf(context);
  });

  async function open(address = url): Promise<Page> {
    const page = await context.newPage();
    await page.goto(address);
    return page;
  }

  async function ask(page: Page, question: string): Promise<void> {
    await page.getByLabel('Your question').fill(question);
    await page.keyboard.press('Enter');
  }

  /** Waits until the answer on the page is exactly this text. */
  async function shows(page: Page, text: string): Promise<void> {
    const shown = answerOf(page);
    await shown.filter({ hasText: text }).waitFor();
    expect(await shown.textContent()).toBe(text);
  }

  it(
    'shows each token when it is said, as text and never as markup, and what the answer took',
    async () => {
      const gate = model.gated();
      const page = await open();
      await ask(page, 'Why?');
      let said = '';
      for (const token of ['The', ' <b onclick="alert(1)">sky</b>', '\n\n<script>alert(1)</script>', ' 🌅']) {
        await gate.say(token);
        said += token;
        await shows(page, said);
      }
      await gate.finish();
      await stateOf(page, 'ended');
      const figures = (await page.locator('.figures').textContent()) ?? '';
      for (const figure of ['Queue', 'First token', 'Total', 'Tokens']) expect(figures).toContain(figure);
      expect(page.url()).toMatch(/#[\w-]{24}$/);
      expect(complaints).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'resumes after its connection was cut, without gap or repeat',
    async () => {
      const gate = model.gated();
      const page = await open();
      await ask(page, 'Why?');
      await gate.say('before');
      await shows(page, 'before');
      await page.getByRole('button', { name: 'Cut the connection' }).click();
      await gate.say(', meanwhile');
      await shows(page, 'before, meanwhile');
      await gate.say(', after');
      await gate.finish();
      await stateOf(page, 'ended');
      await shows(page, 'before, meanwhile, after');
      expect(await page.locator('.notes').textContent()).toMatch(/^Cut after event 1-\d+, resumed/);
    },
    TIMEOUT_MS,
  );

  it(
    'brings the conversation back in a second tab and after a reload, and watches the same stream',
    async () => {
      model.answer(['First', ' answer'], { to: 'First?' });
      const page = await open();
      await ask(page, 'First?');
      await stateOf(page, 'ended');
      const gate = model.gated();
      await ask(page, 'Second?');
      await gate.say('so far');
      await shows(page, 'so far');
      const tab = await open(page.url());
      await shows(tab, 'so far');
      await page.reload();
      await shows(page, 'so far');
      await gate.say(', and on');
      await gate.finish();
      for (const each of [page, tab]) {
        await stateOf(each, 'ended');
        await shows(each, 'so far, and on');
        expect(await each.locator('.question').allTextContents()).toEqual(['First?', 'Second?']);
        expect(await each.locator('.answer').first().textContent()).toBe('First answer');
      }
      expect((await gate.request).body.messages?.slice(-3)).toMatchObject([
        { content: 'First?' },
        { content: 'First answer' },
        { content: 'Second?' },
      ]);
    },
    TIMEOUT_MS,
  );

  it(
    'stops the model, by the button or by Escape, and gives the focus back to the question',
    async () => {
      for (const stop of [
        (page: Page) => page.getByRole('button', { name: 'Stop' }).click(),
        (page: Page) => page.keyboard.press('Escape'),
      ]) {
        const gate = model.gated();
        const page = await open();
        await ask(page, 'Why?');
        await gate.say('half an ans');
        await shows(page, 'half an ans');
        await stop(page);
        await page.locator('.status', { hasText: 'Stopped.' }).waitFor();
        expect((await (await gate.request).ended).by).toBe('client');
        expect(await page.getByLabel('Your question').and(page.locator(':focus')).count()).toBe(1);
      }
    },
    TIMEOUT_MS,
  );

  it(
    'says in plain words what went wrong',
    async () => {
      const page = await open(`${url}/#no-such-request-id`);
      await page.getByRole('alert').filter({ hasText: 'There is no such request here, or it is not yours.' }).waitFor();
    },
    TIMEOUT_MS,
  );
});
