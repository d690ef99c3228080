import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@millrace/testing';
import type { Browser } from 'playwright-core';
import { complaintsOf, hasChromium, launchChromium } from './chromium.ts';
import { SystemHarness } from './system-harness.ts';

const KEY = 'the-secret-of-a-manager';
const TIMEOUT_MS = 240_000;

/** Follows a stream with nothing but a token, and shows what it says. */
const PAGE = `<!doctype html><title>Watch</title><output></output><script>
  const output = document.querySelector('output');
  const stream = new EventSource(location.hash.slice(1));
  stream.onmessage = ({ data }) => { output.textContent += JSON.parse(data).text; };
  stream.addEventListener('done', () => { stream.close(); output.dataset.state = 'done'; });
  stream.onerror = () => { if (stream.readyState === EventSource.CLOSED) output.dataset.state = 'refused'; };
</script>`;

const inChromium = hasChromium ? describe : describe.skip;

inChromium('a browser with a token and nothing else', () => {
  const parts = new AsyncDisposableStack();
  let system: SystemHarness;
  let browser: Browser;
  let origin: string;

  beforeAll(async () => {
    const pages = createServer((_, response) => response.setHeader('content-type', 'text/html').end(PAGE));
    await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve));
    parts.defer(() => void pages.close());
    origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
    const env = {
      ...{ MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: `own:manager:${KEY}`, MILLRACE_CORS_ORIGINS: origin },
    };
    system = parts.use(await SystemHarness.start({ env }));
    browser = await launchChromium();
    parts.defer(() => browser.close());
  });
  afterAll(() => parts.disposeAsync(), TIMEOUT_MS);

  async function post(path: string, body: object): Promise<Record<string, string>> {
    const headers = { 'content-type': 'application/json', accept: 'application/json', 'x-api-key': KEY };
    const answer = await fetch(`${system.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(await answer.text());
    return (await answer.json()) as Record<string, string>;
  }

  it('watches a job on another origin, word by word, and the next one is none of its business', async () => {
    const gate = system.model.gated({ to: 'watched' });
    const { id } = await post('/jobs', { query: 'watched' });
    const { token } = await post('/tokens', { jobs: [id], may: ['watch'], expiresInSeconds: 600 });
    const context = await browser.newContext();
    const complaints = complaintsOf(context);
    const page = await context.newPage();
    await page.goto(`${origin}/#${system.url}/jobs/${id}/stream?access_token=${token}`);
    const shown = () => page.locator('output').textContent();
    await gate.say('one ');
    await eventually(async () => (await shown()) === 'one ');
    await gate.say('two');
    await gate.finish();
    await page.locator('output[data-state="done"]').waitFor({ state: 'attached' });
    expect([await shown(), complaints]).toEqual(['one two', []]);

    const { id: other } = await post('/jobs', { query: 'not watched' });
    const stranger = await context.newPage();
    await stranger.goto(`${origin}/#${system.url}/jobs/${other}/stream?access_token=${token}`);
    await stranger.locator('output[data-state="refused"]').waitFor({ state: 'attached' });
    await context.close();
  });

  it('leaves no trace of it in any log, also when no node answers', async () => {
    const { id } = await post('/jobs', { query: 'logged' });
    const { token = '' } = await post('/tokens', { jobs: [id], may: ['watch'], expiresInSeconds: 600 });
    const url = `${system.url}/jobs/${id}/stream?access_token=${token}`;
    await (await fetch(url)).body?.cancel();
    await Promise.all(system.apis.map(({ child }) => child.stop()));
    expect((await fetch(url)).status).toBe(503);
    const { apis, workers, proxy } = system;
    const lines = [...apis, ...workers, proxy].flatMap(({ child }) => child.lines).join('\n');
    const written = `${lines}\n${await proxy.accessLog()}`;
    expect(written).toContain(id);
    expect(written).not.toContain(token.slice(4, 40));
  });
});
