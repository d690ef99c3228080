import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, spawnService } from '@millrace/testing';
import type { Page } from 'playwright-core';
import { hasChromium, launchChromium } from './chromium.ts';
import { answerOf, ask, ends, PageHarness, questions, shows, WEB_ROOT } from './page-harness.ts';
import { SystemHarness } from './system-harness.ts';

const TIMEOUT_MS = 240_000;
const KEY = 'a-key-of-the-managers';
/** Notes when the page says that its connection is lost, by the clock of this machine. */
const NOTE_NOTICES = `window.noticedAt = [];
  new MutationObserver(() => window.noticedAt.push(Date.now())).observe(
    document.querySelector('.connection'), { attributeFilter: ['data-shown'] });`;
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

const dialogOf = (page: Page) => page.getByRole('dialog', { name: 'API key' });

async function giveKey(page: Page, key = KEY): Promise<void> {
  const dialog = dialogOf(page);
  await dialog.getByLabel('API key or JSON Web Token').fill(key);
  await dialog.getByRole('button', { name: 'Use this key' }).click();
}

async function makeLink(page: Page): Promise<string> {
  await page.getByRole('button', { name: 'Share' }).click();
  await page.getByRole('button', { name: 'Make a link' }).click();
  return page.getByRole('textbox', { name: 'Link' }).inputValue();
}

inChromium('the page, behind nginx', () => {
  it(
    'goes on when the node of its stream is killed, and says nothing of it for two seconds',
    async () => {
      await using system = await SystemHarness.start({ env: { MILLRACE_WEB_ROOT: WEB_ROOT } });
      await using browser = await launchChromium();
      const page = await browser.newPage();
      await page.goto(system.url);
      const gate = system.model.gated();
      await ask(page, 'Why?');
      await gate.say('one');
      await shows(page, 'one');
      await page.evaluate(NOTE_NOTICES);
      let said = 'one';
      const killedAt: number[] = [];
      // one after the other: the stream is on one of them
      for (const [index, node] of [...system.apis].entries()) {
        killedAt.push(Date.now());
        await node.kill();
        await gate.say(`, ${index}`);
        said += `, ${index}`;
        await shows(page, said);
        const successor = await spawnService('api', { ...system.envOf('api'), PORT: String(node.port) });
        system.apis.splice(index, 1, successor);
        await eventually(async () => (await fetch(`${successor.url}/readyz`)).ok);
      }
      await gate.finish();
      await ends(page);
      await shows(page, said);
      const noticedAt = (await page.evaluate('window.noticedAt')) as number[];
      for (const at of noticedAt) {
        const before = killedAt.filter((kill) => kill <= at).at(-1) ?? 0;
        expect(at - before).toBeGreaterThanOrEqual(2_000);
      }
    },
    TIMEOUT_MS * 2,
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
    'sends what was refused for want of a key when the right one is there, and asks for none any more',
    async () => {
      const page = await harness.open();
      await dialogOf(page).getByRole('button', { name: 'Cancel' }).click();
      harness.model.answer(['Hello.'], { to: 'Hello?' });
      await ask(page, 'Hello?');
      await giveKey(page, 'a-wrong-key');
      // a wrong one is asked for again
      await giveKey(page);
      await shows(page, 'Hello.');
      await ends(page);
      expect(await dialogOf(page).count()).toBe(0);

      // the same in a conversation that there is
      await page.getByRole('link', { name: 'Hello?' }).waitFor();
      await page.evaluate("sessionStorage.setItem('millrace-api-key', 'an-expired-key')");
      harness.model.answer(['Once more.'], { to: 'And now?' });
      await ask(page, 'And now?');
      await dialogOf(page).waitFor();
      await giveKey(page);
      await shows(page, 'Once more.');
      await ends(page);
      expect(await questions(page).allTextContents()).toEqual(['Hello?', 'And now?']);
      expect(await dialogOf(page).count()).toBe(0);
    },
    TIMEOUT_MS,
  );

  it(
    'keeps what was typed when another key is given, but not what another caller has searched for',
    async () => {
      const page = await harness.open();
      await giveKey(page);
      harness.model.answer(['A pear.'], { to: 'A pear?' });
      await ask(page, 'A pear?');
      await page.getByRole('link', { name: 'A pear?' }).waitFor();
      await ends(page);
      await page.getByLabel('Your question').fill('half a question');
      await page.getByLabel('Search conversations').fill('apple');
      await page.getByText('No title has these words.').waitFor();
      await page.getByRole('button', { name: 'Settings' }).click();
      await page.getByRole('menuitem', { name: 'API key…' }).click();
      await giveKey(page);
      await page.getByRole('link', { name: 'A pear?' }).waitFor();
      expect(await page.getByLabel('Search conversations').inputValue()).toBe('');
      expect(await page.getByLabel('Your question').inputValue()).toBe('half a question');
      await shows(page, 'A pear.');
    },
    TIMEOUT_MS,
  );

  it(
    'asks for a key, and shares a conversation by a link with which one can watch it live and nothing else',
    async () => {
      const page = await harness.open();
      await giveKey(page);
      await page.getByText('No conversations yet.').waitFor();
      harness.model.answer(['Shared words.'], { to: 'First?' });
      await ask(page, 'First?');
      await ends(page);
      const link = await makeLink(page);
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

      // a link that leads nowhere, then one that works, opened in the same tab
      await watcher.goto(`${link.slice(0, link.indexOf('#'))}#not-a-token`);
      await watcher.getByRole('alert').waitFor();
      await watcher.goto(link);
      await shows(watcher, 'Live');
      await watcher.goto(`${harness.url}/watch/another-thread#${token}`);
      await watcher.reload();
      await watcher.getByRole('alert').waitFor();
    },
    TIMEOUT_MS,
  );

  it(
    'revokes a link that was made by mistake: those who watch see nothing more',
    async () => {
      const page = await harness.open();
      await giveKey(page);
      harness.model.answer(['Words.'], { to: 'A mistake?' });
      await ask(page, 'A mistake?');
      await ends(page);
      const link = await makeLink(page);
      await using stranger = await harness.browser.newContext();
      const watcher = await stranger.newPage();
      await watcher.goto(link);
      await shows(watcher, 'Words.');
      await page.getByRole('button', { name: 'Revoke' }).click();
      await page.getByRole('button', { name: 'Make a link' }).waitFor();
      const late = await stranger.newPage();
      await late.goto(link);
      await late.getByRole('alert').filter({ hasText: 'was revoked' }).waitFor();
      expect(await late.getByRole('article').count()).toBe(0);
      const gate = harness.model.gated({ to: 'A secret?' });
      await page.keyboard.press('Escape');
      await ask(page, 'A secret?');
      await gate.say('Secret words.');
      await shows(page, 'Secret words.');
      await gate.finish();
      await ends(page);
      await watcher.getByRole('alert').filter({ hasText: 'was revoked' }).waitFor();
      expect(await watcher.getByText('Secret words.').count()).toBe(0);
    },
    TIMEOUT_MS,
  );
});
