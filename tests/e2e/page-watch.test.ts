import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { violationsOf } from './accessibility.ts';
import { hasChromium } from './chromium.ts';
import { answerOf, ends, PageHarness, shows } from './page-harness.ts';

const TIMEOUT_MS = 240_000;
const KEY = 'a-key-of-the-managers';
const inChromium = hasChromium ? describe : describe.skip;

inChromium('the page, for those who watch one answer', () => {
  let harness: PageHarness;
  beforeAll(async () => {
    harness = await PageHarness.start({
      ...{ MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: `own:manager:${KEY}` },
      ...{ MILLRACE_WORKER_LOCK_MS: '5000', MILLRACE_WORKER_STALL_CHECK_MS: '1000' },
    });
  }, TIMEOUT_MS);
  afterAll(() => harness?.[Symbol.asyncDispose](), TIMEOUT_MS);
  beforeEach(() => harness.newContext());

  function post(path: string, body: unknown): Promise<Response> {
    const headers = { 'x-api-key': KEY, 'content-type': 'application/json', accept: 'application/json' };
    return fetch(harness.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  async function jobOf(query: string): Promise<string> {
    return (await post('/jobs', { query })).headers.get('x-request-id') ?? '';
  }

  async function tokenFor(job: string): Promise<{ readonly id: string; readonly token: string }> {
    const made = await post('/tokens', { jobs: [job], may: ['watch'], expiresInSeconds: 3600 });
    return (await made.json()) as { id: string; token: string };
  }

  it(
    'shows it live, with its take-overs and figures, over lost connections and a reload',
    async () => {
      const gate = harness.model.gated({ to: 'Why?' });
      const id = await jobOf('Why?');
      const { token } = await tokenFor(id);
      const page = await harness.open(`/watch/${id}#${token}`);
      await gate.say('before');
      await shows(page, 'before');
      expect(await violationsOf(page)).toEqual([]);
      harness.network.reset();
      await gate.say(', after');
      await shows(page, 'before, after');
      await page.reload();
      await shows(page, 'before, after');

      harness.model.answer(['of the second worker'], { to: 'Why?' });
      const lost = harness.workers.splice(0);
      await harness.addWorker();
      await Promise.all(lost.map((worker) => worker.kill()));
      await ends(page);
      await shows(page, 'of the second worker');
      await answerOf(page).getByText('The worker was lost; attempt 2 starts the answer afresh.').waitFor();
      const figures = (await page.locator('.figures').textContent()) ?? '';
      for (const figure of ['Queue', 'First token', 'Total', 'Tokens']) expect(figures).toContain(figure);
      expect(await page.getByLabel('Your question').count()).toBe(0);
      expect(await violationsOf(page)).toEqual([]);
      expect(harness.requests.filter((url) => url.includes(token))).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'says why it failed, and that its link was revoked',
    async () => {
      harness.model.answer([{ fail: { status: 400, message: 'no' } }], { to: 'Fail!' });
      const id = await jobOf('Fail!');
      const { id: tokenId, token } = await tokenFor(id);
      const page = await harness.open(`/watch/${id}#${token}`);
      await ends(page, 'failed');
      await page.getByRole('alert').filter({ hasText: 'The model failed to answer.' }).waitFor();
      expect(harness.complaints).toEqual([]);

      const headers = { 'x-api-key': KEY };
      expect((await fetch(`${harness.url}/tokens/${tokenId}`, { method: 'DELETE', headers })).status).toBe(204);
      await page.reload();
      await page.getByRole('alert').filter({ hasText: 'This link has expired, was revoked' }).waitFor();
      expect(await page.getByRole('article').count()).toBe(0);
      expect(await violationsOf(page)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'opens the links of earlier versions with the key of the tab',
    async () => {
      harness.model.answer(['An old answer.'], { to: 'Old?' });
      const id = await jobOf('Old?');
      const page = await harness.open(`/#${id}`);
      await page.getByRole('button', { name: 'Enter a key' }).click();
      await page.getByLabel('API key or JSON Web Token').fill(KEY);
      await page.getByRole('button', { name: 'Use this key' }).click();
      await ends(page);
      await shows(page, 'An old answer.');
      expect(new URL(page.url()).hash).toBe(`#${id}`);
    },
    TIMEOUT_MS,
  );
});
