import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { hasChromium } from './chromium.ts';
import { answerOf, ask, ends, PageHarness, shows } from './page-harness.ts';

const TIMEOUT_MS = 60_000;
const KEY = 'a-key-of-the-managers';
const inChromium = hasChromium ? describe : describe.skip;

inChromium('the page, when something breaks', () => {
  let harness: PageHarness;
  beforeAll(async () => {
    harness = await PageHarness.start({ MILLRACE_WORKER_LOCK_MS: '5000', MILLRACE_WORKER_STALL_CHECK_MS: '1000' });
  }, TIMEOUT_MS);
  afterAll(() => harness?.[Symbol.asyncDispose](), TIMEOUT_MS);
  beforeEach(() => harness.newContext());

  it(
    'says quietly that the network is lost, and goes on where it was',
    async () => {
      const gate = harness.model.gated();
      const page = await harness.open();
      await ask(page, 'Why?');
      await gate.say('before');
      await shows(page, 'before');
      harness.network.refuse(true);
      harness.network.reset();
      const notice = page.getByRole('status').filter({ hasText: 'Connection lost.' });
      await notice.waitFor();
      await gate.say(', meanwhile');
      harness.network.refuse(false);
      await shows(page, 'before, meanwhile');
      await notice.waitFor({ state: 'detached' });
      await gate.say(', after');
      await gate.finish();
      await ends(page);
      await shows(page, 'before, meanwhile, after');
    },
    TIMEOUT_MS,
  );

  it(
    'says that another worker took over, and shows its answer alone',
    async () => {
      const gate = harness.model.gated();
      const page = await harness.open();
      await ask(page, 'Why?');
      await gate.say('of the first worker');
      await shows(page, 'of the first worker');
      harness.model.answer(['of the second worker'], { to: 'Why?' });
      const lost = harness.workers.splice(0);
      await harness.addWorker();
      await Promise.all(lost.map((worker) => worker.kill()));
      await ends(page);
      await shows(page, 'of the second worker');
      await answerOf(page).getByText('The worker was lost; attempt 2 starts the answer afresh.').waitFor();
    },
    TIMEOUT_MS,
  );
});

inChromium('the page, where keys are asked for', () => {
  let harness: PageHarness;
  beforeAll(async () => {
    harness = await PageHarness.start({ MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: `own:manager:${KEY}` });
  }, TIMEOUT_MS);
  afterAll(() => harness?.[Symbol.asyncDispose](), TIMEOUT_MS);
  beforeEach(() => harness.newContext());

  it(
    'asks for a key, and shares a conversation by a link with which one can watch it live and nothing else',
    async () => {
      const page = await harness.open();
      const dialog = page.getByRole('dialog', { name: 'API key' });
      await dialog.getByLabel('API key or JSON Web Token').fill(KEY);
      await dialog.getByRole('button', { name: 'Use this key' }).click();
      await page.getByText('No conversations yet.').waitFor();
      harness.model.answer(['Shared words.'], { to: 'First?' });
      await ask(page, 'First?');
      await ends(page);
      await page.getByRole('button', { name: 'Share' }).click();
      await page.getByRole('button', { name: 'Make a link' }).click();
      const link = await page.getByRole('textbox', { name: 'Link' }).inputValue();
      await page.getByRole('button', { name: 'Done' }).click();
      const token = new URL(link).hash.slice(1);
      expect(token.length).toBeGreaterThan(16);

      await using stranger = await harness.browser.newContext();
      const asked: string[] = [];
      stranger.on('request', (request) => void asked.push(request.url()));
      const watcher = await stranger.newPage();
      await watcher.goto(link);
      await shows(watcher, 'Shared words.');
      expect(await watcher.getByLabel('Your question').count()).toBe(0);
      const gate = harness.model.gated({ to: 'Second?' });
      await ask(page, 'Second?');
      await gate.say('Live');
      await shows(watcher, 'Live');
      await gate.finish();
      await ends(watcher);
      expect(asked.filter((url) => url.includes(token))).toEqual([]);

      await page.getByRole('button', { name: 'Share' }).waitFor();
      const revoked = await fetch(`${harness.url}/tokens/${token.split('.')[0]}`, { method: 'DELETE' });
      expect(revoked.status).toBe(401);
      await watcher.goto(`${harness.url}/watch/another-thread#${token}`);
      await watcher.reload();
      await watcher.getByRole('alert').waitFor();
    },
    TIMEOUT_MS,
  );
});
