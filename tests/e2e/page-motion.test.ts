import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@millrace/testing';
import { hasChromium } from './chromium.ts';
import { ask, ends, PageHarness, questions } from './page-harness.ts';

/** What of an element these tests use: they are checked without the types of a browser. */
interface Scroller {
  readonly scrollTop: number;
  scrollTo(x: number, y: number): void;
}

const TIMEOUT_MS = 240_000;
/** For how long after a key the browser excuses moves (500 ms), and some more. */
const INPUT_MS = 700;
const inChromium = hasChromium ? describe : describe.skip;

const LONG = [
  '# A heading\n\n',
  ...Array.from({ length: 60 }, (_, nth) => `Sentence ${nth} has some words, as sentences do. `),
  '\n\n| a | b |\n|---|---|\n',
  ...Array.from({ length: 10 }, (_, nth) => `| ${nth} | cell |\n`),
  '\n```js\n',
  ...Array.from({ length: 30 }, (_, nth) => `const value${nth} = ${nth}; // a comment\n`),
  '```\n\n$$e = mc^2$$\n\nThe end.',
];

/** Adds up how far things moved that nobody touched. Scrolling is no such move. */
const OBSERVE = `globalThis.moved = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) globalThis.moved += entry.value;
  }).observe({ type: 'layout-shift' });`;

inChromium('the page, while much happens', () => {
  let harness: PageHarness;
  beforeAll(async () => {
    harness = await PageHarness.start();
  }, TIMEOUT_MS);
  afterAll(() => harness?.[Symbol.asyncDispose](), TIMEOUT_MS);
  beforeEach(() => harness.newContext());

  it(
    'moves nothing that is in sight while an answer grows below it',
    async () => {
      const page = await harness.open();
      harness.model.answer(['First.'], { to: 'First?' });
      await ask(page, 'First?');
      await ends(page);
      const gate = harness.model.gated();
      await ask(page, 'Long?');
      await gate.say('Now: ');
      await page.getByText('Now:').waitFor();
      // what moves so soon after a key is taken for wanted
      await page.waitForTimeout(INPUT_MS);
      await page.evaluate(OBSERVE);
      for (const words of LONG) await gate.say(words);
      await page.getByText('The end.').waitFor();
      await gate.finish();
      await ends(page);
      const moved = () => page.evaluate<number>('globalThis.moved');
      expect(await moved()).toBeLessThan(0.001);
      // it would be seen
      await page.evaluate("document.querySelector('.chat-scroller').style.paddingTop = '100px'");
      await page.getByLabel('What was said').evaluate((element) => (element as unknown as Scroller).scrollTo(0, 0));
      await page.evaluate("document.querySelector('.chat-scroller').style.paddingTop = '300px'");
      await eventually(async () => (await moved()) > 0.01);
    },
    TIMEOUT_MS,
  );

  it(
    'leaves a reader who scrolled up where they are',
    async () => {
      const page = await harness.open();
      const gate = harness.model.gated();
      await ask(page, 'Long?');
      for (const words of LONG) await gate.say(words);
      await page.getByText('The end.').waitFor();
      const scroller = page.getByLabel('What was said');
      await scroller.hover();
      await page.mouse.wheel(0, -400);
      const top = () => scroller.evaluate((element) => (element as unknown as Scroller).scrollTop);
      await eventually(async () => {
        const before = await top();
        return before > 0 && before === (await page.waitForTimeout(200).then(top));
      });
      const before = await top();
      for (const words of LONG) await gate.say(words);
      await gate.say('The second end.');
      await page.getByText('The second end.').waitFor();
      expect(await top()).toBe(before);
      await gate.finish();
      await ends(page);
    },
    TIMEOUT_MS,
  );

  it(
    'keeps only what is in sight of a long conversation in the document, and reaches its beginning',
    async () => {
      const threadId = crypto.randomUUID();
      harness.model.answer(['Word. '.repeat(200)], { to: 'Again?' });
      for (let nth = 0; nth < 40; nth += 1) {
        const query = nth === 0 ? 'The very first?' : 'Again?';
        const body = JSON.stringify({ query, threadId });
        await fetch(`${harness.url}/jobs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      }
      const page = await harness.open(`/c/${threadId}`);
      await ends(page);
      expect(await page.getByRole('article').count()).toBeLessThan(20);
      const first = questions(page).filter({ hasText: 'The very first?' });
      await page.getByLabel('What was said').focus();
      await eventually(async () => {
        await page.keyboard.press('Home');
        return (await first.count()) === 1;
      });
      expect(await page.getByRole('article').count()).toBeLessThan(20);
    },
    TIMEOUT_MS,
  );

  it(
    'gives the focus back to what opened a dialog',
    async () => {
      const page = await harness.open();
      harness.model.answer(['An answer.'], { to: 'Anything?' });
      await ask(page, 'Anything?');
      await ends(page);
      const share = page.getByRole('button', { name: 'Share' });
      await share.focus();
      await page.keyboard.press('Enter');
      await page.getByRole('dialog').waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await share.and(page.locator(':focus-visible')).waitFor();
    },
    TIMEOUT_MS,
  );
});
