import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@millrace/testing';
import type { Page } from 'playwright-core';
import { hasChromium } from './chromium.ts';
import { ask, ends, PageHarness, questions, shows } from './page-harness.ts';

const TIMEOUT_MS = 60_000;
const inChromium = hasChromium ? describe : describe.skip;

inChromium('the page, when the service is late, or refuses once', () => {
  let harness: PageHarness;
  beforeAll(async () => {
    harness = await PageHarness.start();
  }, TIMEOUT_MS);
  afterAll(() => harness?.[Symbol.asyncDispose](), TIMEOUT_MS);
  beforeEach(() => harness.newContext());

  const pathOf = (page: Page) => new URL(page.url()).pathname;
  const titled = (page: Page, title: string) => page.getByRole('heading', { level: 1, name: title }).waitFor();
  const follow = (page: Page, title: string) => page.getByRole('link', { name: title }).click();

  /** Begins a conversation, which has an answer. */
  async function begin(page: Page, question: string): Promise<string> {
    harness.model.answer([`To ${question}`], { to: question });
    await ask(page, question);
    await ends(page);
    await page.getByRole('link', { name: question }).waitFor();
    return pathOf(page);
  }

  /** Holds the requests of a method until it is told to let them go. */
  async function hold(page: Page, method: string, path: string): Promise<() => Promise<void>> {
    const gate = Promise.withResolvers<void>();
    const answered = page.waitForResponse((response) => response.request().method() === method);
    await page.route(path, async (route) => {
      if (route.request().method() === method) await gate.promise;
      await route.continue();
    });
    return async () => {
      gate.resolve();
      await answered;
    };
  }

  it(
    'leaves a person in the conversation that they have opened meanwhile',
    async () => {
      const page = await harness.open();
      const old = await begin(page, 'An old one?');
      await page.getByRole('button', { name: 'New conversation', exact: true }).click();
      const letGo = await hold(page, 'POST', '**/jobs');
      harness.model.answer(['At last'], { to: 'Late?' });
      await ask(page, 'Late?');
      await follow(page, 'An old one?');
      await titled(page, 'An old one?');
      await page.getByLabel('Your question').fill('what I type here');
      await letGo();
      await page.getByRole('link', { name: 'Late?' }).waitFor();
      expect([pathOf(page), await page.getByLabel('Your question').inputValue()]).toEqual([old, 'what I type here']);
      await follow(page, 'Late?');
      await shows(page, 'At last');
    },
    TIMEOUT_MS,
  );

  it(
    'begins another new conversation while the first question of one is on its way',
    async () => {
      const page = await harness.open();
      const letGo = await hold(page, 'POST', '**/jobs');
      harness.model.answer(['At last'], { to: 'Late?' });
      await ask(page, 'Late?');
      await questions(page).getByText('Late?').waitFor();
      await page.getByRole('button', { name: 'New conversation', exact: true }).click();
      await page.getByRole('heading', { name: 'Ask something.' }).waitFor();
      await letGo();
      await page.getByRole('link', { name: 'Late?' }).waitFor();
      expect([pathOf(page), await questions(page).count()]).toEqual(['/', 0]);
    },
    TIMEOUT_MS,
  );

  it(
    'leaves them there when a conversation that they deleted is gone, and leaves a deleted one that is open',
    async () => {
      const page = await harness.open();
      await begin(page, 'First?');
      await page.getByRole('button', { name: 'New conversation', exact: true }).click();
      const second = await begin(page, 'Second?');
      await follow(page, 'First?');
      await titled(page, 'First?');
      const erase = async (title: string) => {
        await page.getByRole('button', { name: `More about ${title}` }).click({ force: true });
        await page.getByRole('menuitem', { name: 'Delete…' }).click();
        await page.getByRole('button', { name: 'Delete', exact: true }).click();
      };
      const letGo = await hold(page, 'DELETE', '**/threads/*');
      await erase('First?');
      await follow(page, 'Second?');
      await titled(page, 'Second?');
      await letGo();
      await page.getByRole('link', { name: 'First?' }).waitFor({ state: 'detached' });
      expect(pathOf(page)).toBe(second);
      await erase('Second?');
      await page.getByText('No conversations yet.').waitFor();
      await eventually(() => pathOf(page) === '/');
    },
    TIMEOUT_MS,
  );

  it(
    'leaves them there when a conversation is copied from one that they have left',
    async () => {
      const page = await harness.open();
      await begin(page, 'Copied?');
      await page.getByRole('button', { name: 'New conversation', exact: true }).click();
      const other = await begin(page, 'Another?');
      await follow(page, 'Copied?');
      await shows(page, 'To Copied?');
      const letGo = await hold(page, 'POST', '**/fork');
      await page.getByRole('button', { name: 'Go on from here in a new conversation' }).click();
      await follow(page, 'Another?');
      await titled(page, 'Another?');
      await letGo();
      await eventually(async () => (await page.getByRole('link', { name: 'Copied?' }).count()) === 2);
      expect(pathOf(page)).toBe(other);
    },
    TIMEOUT_MS,
  );

  it(
    'shows plain text where the script for Markdown cannot be loaded, and Markdown once it can',
    async () => {
      const page = await harness.page();
      await page.clock.install();
      await page.route('**/assets/markdown-*.js', (route) => route.abort());
      await page.goto(harness.url);
      harness.model.answer(['**bold**'], { to: 'Bold?' });
      await ask(page, 'Bold?');
      await shows(page, '**bold**');
      await ends(page);
      await page.unroute('**/assets/markdown-*.js');
      await page.clock.fastForward(10_000);
      harness.model.answer(['_italic_'], { to: 'Italic?' });
      await ask(page, 'Italic?');
      await shows(page, 'italic');
      await page.getByRole('article', { name: 'Answer' }).getByText('bold', { exact: true }).waitFor();
    },
    TIMEOUT_MS,
  );

  it(
    'says what to do where it would be blank',
    async () => {
      const page = await harness.page();
      await page.route('**/threads?*', (route) => route.fulfill({ json: { items: [{ id: 'a' }], nextCursor: null } }));
      await page.goto(harness.url);
      await page.getByRole('alert').filter({ hasText: 'Please load the page again.' }).waitFor();
      await page.unroute('**/threads?*');
      await page.getByRole('button', { name: 'Load the page again' }).click();
      await page.getByText('No conversations yet.').waitFor();
    },
    TIMEOUT_MS,
  );

  it(
    'lists conversations of other devices when a person or the network comes back, or asks for it',
    async () => {
      const page = await harness.page();
      const refusal = { status: 403, json: { code: 'FORBIDDEN', detail: 'no' } };
      await page.route('**/threads?*', (route) => route.fulfill(refusal));
      await page.goto(harness.url);
      const loadAgain = page.getByRole('button', { name: 'Load again' });
      await loadAgain.waitFor();
      await page.unroute('**/threads?*');
      await loadAgain.click();
      await page.getByText('No conversations yet.').waitFor();
      expect(await loadAgain.count()).toBe(0);
      const makeElsewhere = (title: string) =>
        fetch(`${harness.url}/threads`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ metadata: { title } }),
        });
      await makeElsewhere('Made elsewhere');
      await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
      await page.getByRole('link', { name: 'Made elsewhere' }).waitFor();
      await page.context().setOffline(true);
      await makeElsewhere('Made meanwhile');
      await page.context().setOffline(false);
      await page.getByRole('link', { name: 'Made meanwhile' }).waitFor();
    },
    TIMEOUT_MS,
  );

  it(
    'offers a pipeline that could not be had at first, and one that comes later',
    async () => {
      const page = await harness.page();
      let names: string[] | null = null;
      await page.route('**/pipelines', (route) =>
        names === null
          ? route.fulfill({ status: 503, json: { code: 'UNAVAILABLE', detail: 'not now' } })
          : route.fulfill({ json: { items: names.map((name) => ({ name, kind: 'pipeline', workers: [] })) } }),
      );
      const refused = page.waitForResponse('**/pipelines');
      await page.goto(harness.url);
      await refused;
      names = ['chat', 'short-lived'];
      const picker = page.getByRole('combobox', { name: 'Pipeline' });
      const pick = async (name: string) => {
        await picker.click();
        await page.getByRole('option', { name }).click();
      };
      await pick('short-lived');
      // the service has never had it
      names = ['chat', 'new'];
      const again = page.waitForResponse('**/pipelines');
      await ask(page, 'Is anybody there?');
      await page.getByText('No worker has this pipeline just now.').waitFor();
      await again;
      await pick('new');
      names = ['chat', 'newer'];
      await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
      await pick('newer');
    },
    TIMEOUT_MS,
  );
});
