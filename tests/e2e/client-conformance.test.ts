import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConformanceServer, SCENARIOS } from '@millrace/testing';
import { playScenario } from '../../packages/client/src/testing/play-scenario.ts';
import { hasChromium, launchChromium } from './chromium.ts';

const path = (from: string) => fileURLToPath(new URL(`../../${from}`, import.meta.url));
const TIMEOUT_MS = 240_000;

let server: ConformanceServer;
beforeAll(async () => {
  server = await ConformanceServer.start();
});
afterAll(() => server[Symbol.asyncDispose]());

describe('the clients’ conformance kit', () => {
  it('is passed by the Python client of the examples', async () => {
    const client = path('examples/chat-python/resume.py');
    const { stdout } = await promisify(execFile)('python3', [client, '--conformance', server.url]);
    // it reads jobs, not threads
    const { length } = SCENARIOS.filter(({ start }) => start !== 'watch');
    expect(stdout).toBe(`${length} of ${length} passed\n`);
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
        const names = SCENARIOS.map(({ name }) => name);
        const judgements: unknown[] = [];
        // as many at a time as a browser has connections to a server
        for (let at = 0; at < names.length; at += 6) {
          const plays = `(name) => (${String(playScenario)})(sdk, ${JSON.stringify(server.url)}, name)`;
          const lot = JSON.stringify(names.slice(at, at + 6));
          const played = `import('/page/client/index.js').then((sdk) => Promise.all(${lot}.map(${plays})))`;
          judgements.push(...(await page.evaluate<unknown[]>(played)));
        }
        const passed = names.map((scenario) => ({ scenario, passed: true, faults: [] }));
        expect(judgements).toEqual(passed);
      } finally {
        await browser.close();
      }
    },
    TIMEOUT_MS,
  );
});
