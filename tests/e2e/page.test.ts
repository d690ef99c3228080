import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { hasChromium } from './chromium.ts';
import { answerOf, ask, ends, PageHarness, questions, shows } from './page-harness.ts';

const TIMEOUT_MS = 240_000;
const inChromium = hasChromium ? describe : describe.skip;

inChromium('the page, in Chromium', () => {
  let harness: PageHarness;
  beforeAll(async () => {
    harness = await PageHarness.start();
  }, TIMEOUT_MS);
  afterAll(() => harness?.[Symbol.asyncDispose](), TIMEOUT_MS);
  beforeEach(() => harness.newContext());

  it(
    'shows each token when it is said, and what the answer took',
    async () => {
      const gate = harness.model.gated();
      const page = await harness.open();
      await ask(page, 'Why?');
      let said = '';
      for (const token of ['The', ' <b onclick="alert(1)">sky</b>', ' is', ' 🌅']) {
        await gate.say(token);
        said += token;
        await shows(page, said);
      }
      await gate.finish();
      await ends(page);
      const figures = (await page.locator('.figures').textContent()) ?? '';
      for (const figure of ['Queue', 'First token', 'Total', 'Speed', 'Tokens']) expect(figures).toContain(figure);
      await page.waitForURL(/\/c\/[\w-]+$/);
      await page.getByRole('link', { name: 'Why?' }).waitFor();
      expect(harness.complaints).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'resumes after its connection was cut, without gap or repeat',
    async () => {
      const gate = harness.model.gated();
      const page = await harness.open();
      await ask(page, 'Why?');
      await gate.say('before');
      await shows(page, 'before');
      await page.getByRole('button', { name: 'Cut the connection' }).click();
      await gate.say(', meanwhile');
      await shows(page, 'before, meanwhile');
      await gate.say(', after');
      await gate.finish();
      await ends(page);
      await shows(page, 'before, meanwhile, after');
    },
    TIMEOUT_MS,
  );

  it(
    'brings the conversation back in a second tab and after a reload, and watches the same stream',
    async () => {
      harness.model.answer(['First', ' answer'], { to: 'First?' });
      const page = await harness.open();
      await ask(page, 'First?');
      await ends(page);
      const gate = harness.model.gated();
      await ask(page, 'Second?');
      await gate.say('so far');
      await shows(page, 'so far');
      await page.waitForURL(/\/c\//);
      const tab = await harness.open(new URL(page.url()).pathname);
      await shows(tab, 'so far');
      await page.reload();
      await shows(page, 'so far');
      await gate.say(', and on');
      await gate.finish();
      for (const each of [page, tab]) {
        await ends(each);
        await shows(each, 'so far, and on');
        expect(await questions(each).allTextContents()).toEqual(['First?', 'Second?']);
        expect(await each.locator('.markdown').first().textContent()).toBe('First answer');
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
        const gate = harness.model.gated();
        const page = await harness.open();
        await ask(page, 'Why?');
        await gate.say('half an ans');
        await shows(page, 'half an ans');
        await stop(page);
        await answerOf(page).getByText('Stopped.').waitFor();
        expect((await (await gate.request).ended).by).toBe('client');
        await page.getByLabel('Your question').and(page.locator(':focus')).waitFor();
      }
    },
    TIMEOUT_MS,
  );

  it(
    'says in plain words what went wrong, what to do, and the request id',
    async () => {
      const page = await harness.open('/c/no-such-thread');
      await page
        .getByRole('alert')
        .filter({ hasText: 'There is no such conversation here, or it is not yours.' })
        .waitFor();
      harness.model.answer([{ fail: { status: 400, message: 'no' } }], { to: 'Fail!' });
      const other = await harness.open();
      await ask(other, 'Fail!');
      const failure = other.getByRole('alert').filter({ hasText: 'The model failed to answer.' });
      await failure.waitFor();
      expect(await failure.locator('.request-id code').textContent()).toMatch(/^[\w-]{16,}$/);
    },
    TIMEOUT_MS,
  );

  it(
    'edits and repeats a question in a new conversation, forks one at an answer, and leaves the first as it was',
    async () => {
      harness.model.answer(['Ann'], { to: 'Who?' });
      harness.model.answer(['Bob'], { to: 'Who else?' });
      const page = await harness.open();
      await ask(page, 'Who?');
      await ends(page);
      await page.waitForURL(/\/c\//);
      const first = page.url();
      await page.getByRole('button', { name: 'Edit and resend' }).click();
      await page.getByLabel('Your changed question').fill('Who else?');
      await page.getByRole('button', { name: 'Send', exact: true }).first().click();
      await shows(page, 'Bob');
      await ends(page);
      await page.waitForURL((url) => url.href !== first);
      expect(await questions(page).allTextContents()).toEqual(['Who else?']);
      const second = page.url();
      await page.getByRole('button', { name: 'Ask again' }).click();
      await page.waitForURL((url) => ![first, second].includes(url.href));
      await ends(page);
      await shows(page, 'Bob');
      await page.getByRole('button', { name: 'Go on from here' }).click();
      await page.getByRole('navigation').getByRole('link').nth(3).waitFor();
      await page.goto(first);
      await shows(page, 'Ann');
      expect(harness.complaints).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'names a new conversation in the list, however late its title is stored',
    async () => {
      harness.model.answer(['Fine'], { to: 'Is it late?' });
      const page = await harness.open();
      const isAnswered = Promise.withResolvers<void>();
      await page.route('**/threads', async (route) => {
        if (route.request().method() === 'POST') await isAnswered.promise;
        await route.continue();
      });
      await ask(page, 'Is it late?');
      await ends(page);
      await page.getByRole('navigation').getByRole('link', { name: 'Untitled' }).waitFor();
      isAnswered.resolve();
      await page.getByRole('navigation').getByRole('link', { name: 'Is it late?' }).waitFor();
    },
    TIMEOUT_MS,
  );

  it(
    'renames a conversation, finds it by its title, and deletes it after asking',
    async () => {
      harness.model.answer(['Fine'], { to: 'A question to keep?' });
      const page = await harness.open();
      await ask(page, 'A question to keep?');
      await ends(page);
      const row = (name: string) => page.getByRole('navigation').getByRole('link', { name });
      await row('A question to keep?').waitFor();
      await page.getByRole('button', { name: 'More about A question to keep?' }).click();
      await page.getByRole('menuitem', { name: 'Rename…' }).click();
      await page.getByRole('textbox', { name: 'Title' }).fill('Kept under another name');
      await page.getByRole('button', { name: 'Rename' }).click();
      await row('Kept under another name').waitFor();
      await page.getByRole('heading', { name: 'Kept under another name' }).waitFor();
      await page.getByLabel('Search conversations').fill('nothing like it');
      await page.getByText('No title has these words.').waitFor();
      await page.getByLabel('Search conversations').fill('another NAME');
      await row('Kept under another name').waitFor();
      await page.getByRole('button', { name: 'More about Kept under another name' }).click();
      await page.getByRole('menuitem', { name: 'Delete…' }).click();
      const address = page.url();
      await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
      await row('Kept under another name').waitFor({ state: 'detached' });
      await page.getByRole('heading', { name: 'Ask something.' }).waitFor();
      expect((await fetch(address.replace('/c/', '/threads/'))).status).toBe(404);
    },
    TIMEOUT_MS,
  );
});
