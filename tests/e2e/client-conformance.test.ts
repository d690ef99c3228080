import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConformanceServer, SCENARIOS, type ScenarioRun } from '@millrace/testing';
import { hasChromium, launchChromium } from './chromium.ts';

const path = (from: string) => fileURLToPath(new URL(`../../${from}`, import.meta.url));
const TIMEOUT_MS = 60_000;

let server: ConformanceServer;
beforeAll(async () => {
  server = await ConformanceServer.start();
});
afterAll(() => server[Symbol.asyncDispose]());

describe('the clients’ conformance kit', () => {
  it('is passed by the Python client of the examples', async () => {
    const client = path('examples/chat-python/resume.py');
    const { stdout } = await promisify(execFile)('python3', [client, '--conformance', server.url]);
    expect(stdout).toBe(`${SCENARIOS.length} of ${SCENARIOS.length} passed\n`);
  });

  const inChromium = hasChromium ? it : it.skip;

  inChromium(
    'is passed by the built SDK in Chromium',
    async () => {
      const browser = await launchChromium();
      try {
        const page = await browser.newPage();
        const imports = { 'eventsource-parser': '/page/eventsource-parser/index.js' };
        const body = `<!doctype html><script type="importmap">${JSON.stringify({ imports })}</script>`;
        await page.route('**/page/', (route) => route.fulfill({ contentType: 'text/html', body }));
        const folders = {
          client: 'packages/client/dist',
          'eventsource-parser': 'node_modules/eventsource-parser/dist',
        };
        for (const [name, folder] of Object.entries(folders)) {
          await page.route(`**/page/${name}/*`, (route, request) =>
            route.fulfill({
              path: `${path(folder)}/${request.url().split('/').at(-1)}`,
              contentType: 'text/javascript',
            }),
          );
        }
        await page.goto(`${server.url}/page/`);
        expect(await page.evaluate(judgeInPage)).toEqual([]);
      } finally {
        await browser.close();
      }
    },
    TIMEOUT_MS,
  );
});

/** Runs in the page, so it can use nothing of this file. @returns the judgements of the scenarios that were not passed */
async function judgeInPage(): Promise<unknown[]> {
  const built = '/page/client/index.js';
  const sdk = (await import(built)) as typeof import('@millrace/client');
  const { Millrace, JobFailed, JobCancelled, RequestRefused } = sdk;
  const ask = async <T>(url: string, body?: object): Promise<T> => {
    const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    return (await (await fetch(url, init)).json()) as T;
  };
  const run = async (name: string) => {
    const { url, report, start, jobId, query, heartbeatMs } = await ask<ScenarioRun>(`/scenarios/${name}`, {});
    const { jobs } = new Millrace({ baseUrl: url, retryMs: 1, maxRetryMs: 20, heartbeatMs });
    let text = '';
    let end = 'done';
    const onRestart = () => {
      text = '';
    };
    try {
      const job = start === 'create' ? await jobs.create({ query }) : jobs.resume(jobId);
      for await (const piece of job.text({ onRestart })) text += piece;
    } catch (error) {
      if (error instanceof JobFailed) end = 'error';
      else if (error instanceof JobCancelled) end = 'cancelled';
      else if (error instanceof RequestRefused) end = 'refused';
      else throw error;
    }
    return ask<{ passed: boolean }>(report, { text, end });
  };
  const failed: unknown[] = [];
  const { items } = await ask<{ items: { name: string }[] }>('/scenarios');
  for (const { name } of items) {
    const judgement = await run(name);
    if (!judgement.passed) failed.push(judgement);
  }
  return failed;
}
