import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { violationsOf } from './accessibility.ts';
import { hasChromium } from './chromium.ts';
import { ask, ends, PageHarness, shows } from './page-harness.ts';

const TIMEOUT_MS = 240_000;
const inChromium = hasChromium ? describe : describe.skip;

const RICH = [
  '# A heading\n\nA [link](https://example.com), `code`, **bold**.\n\n',
  '| a | b |\n|---|---|\n| 1 | 2 |\n\n- [x] done\n- [ ] open\n\n',
  '```js\nconst answer = 42; // a comment\n```\n\n> quoted\n\n$$e = mc^2$$\n\n\\[\na^2 + b^2 = c^2\n\\]\n',
];

inChromium('the page, for everybody', () => {
  let harness: PageHarness;
  beforeAll(async () => {
    harness = await PageHarness.start({ MILLRACE_DEMONSTRATION: 'kill-worker' });
  }, TIMEOUT_MS);
  afterAll(() => harness?.[Symbol.asyncDispose](), TIMEOUT_MS);

  async function isFine(page: Page): Promise<void> {
    expect(await violationsOf(page)).toEqual([]);
  }

  it.each([
    ['light', 1280],
    ['dark', 1280],
    ['light', 390],
    ['dark', 390],
  ] as const)(
    'has no violation of axe in any state: %s, %d pixels wide',
    async (colorScheme, width) => {
      await harness.newContext({ colorScheme, viewport: { width, height: 800 } });
      harness.model.answer(RICH, { to: 'Rich?' });
      harness.model.answer([{ fail: { status: 400, message: 'no' } }], { to: 'Fail!' });
      const page = await harness.open();
      await page.getByRole('heading', { name: 'Ask something.' }).waitFor();
      await isFine(page);
      await ask(page, 'Rich?');
      await ends(page);
      await page.locator('.katex').nth(1).waitFor();
      await page.locator('.hljs-keyword').waitFor();
      await isFine(page);
      const gate = harness.model.gated();
      await ask(page, 'Slow?');
      await gate.say('half');
      await shows(page, 'half');
      await page.getByRole('button', { name: 'Kill the worker' }).waitFor();
      await isFine(page);
      await gate.finish();
      await ends(page);
      await ask(page, 'Fail!');
      await page.getByRole('alert').waitFor();
      await isFine(page);
      await page.getByRole('button', { name: 'Settings' }).click();
      await page.getByRole('menu').waitFor();
      await isFine(page);
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Share' }).click();
      await page.getByRole('dialog').waitFor();
      await isFine(page);
      await page.keyboard.press('Escape');
      if (width < 800) {
        await page.getByRole('button', { name: 'Conversations' }).click();
        await page.getByRole('dialog', { name: 'Conversations' }).waitFor();
        await isFine(page);
      }
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      const beyond = `[...document.querySelectorAll('.chat-head *, .composer *, .markdown')].filter(
        (element) => element.getBoundingClientRect().right > innerWidth).map((element) => element.outerHTML)`;
      expect(await page.evaluate(beyond)).toEqual([]);
      expect(harness.complaints).toEqual([]);
      for (const request of harness.requests) expect(new URL(request).origin).toBe(new URL(harness.url).origin);
    },
    TIMEOUT_MS,
  );

  it(
    'can be used with the keyboard alone',
    async () => {
      await harness.newContext();
      harness.model.answer(['An answer'], { to: 'By keyboard?' });
      const page = await harness.open();
      // the focus is on the question from the beginning
      await page.getByLabel('Your question').and(page.locator(':focus')).waitFor();
      await page.keyboard.type('By keyboard?');
      await page.keyboard.press('Enter');
      await ends(page);
      const reach = async (name: string, role: 'button' | 'link') => {
        const wanted = page.getByRole(role, { name }).first().and(page.locator(':focus'));
        for (let presses = 0; presses < 30; presses += 1) {
          if ((await wanted.count()) === 1) return;
          await page.keyboard.press('Shift+Tab');
        }
        throw new Error(`the keyboard does not reach ${name}`);
      };
      await reach('Copy answer', 'button');
      await reach('Edit and resend', 'button');
      await reach('Settings', 'button');
      await page.keyboard.press('Enter');
      await page.getByRole('menu').waitFor();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      expect(await page.evaluate('document.documentElement.dataset.theme')).toBe('dark');
      await reach('By keyboard?', 'link');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await page.getByRole('menuitem', { name: 'Rename…' }).waitFor();
    },
    TIMEOUT_MS,
  );

  it('needs at most 200 kB of compressed script for its first paint', async () => {
    const page = await (await fetch(harness.url)).text();
    const scripts = [...page.matchAll(/(?:src|href)="(\/[^"]+\.js)"/g)].map(([, path]) => path ?? '');
    const sizes = scripts.map(async (path) => gzipSync(await (await fetch(harness.url + path)).bytes()).length);
    const bytes = (await Promise.all(sizes)).reduce((sum, one) => sum + one, 0);
    expect(bytes).toBeGreaterThan(50_000);
    expect(bytes).toBeLessThanOrEqual(200_000);
  });
});
