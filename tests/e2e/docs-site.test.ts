import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Child, freePort } from '@millrace/testing';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { complaintsOf, hasChromium, launchChromium } from './chromium.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

(hasChromium ? describe : describe.skip)('the site of the documentation', () => {
  const parts = new AsyncDisposableStack();
  let url: string;
  let browser: Browser;
  beforeAll(async () => {
    const port = await freePort();
    url = `http://localhost:${port}/manual`;
    const args = ['scripts/docs/site.mjs', '--serve', '--base', '/manual/', '--port', String(port)];
    const { PATH, HOME } = process.env;
    const site = parts.use(await Child.start({ command: process.execPath, args, cwd: ROOT, env: { PATH, HOME } }));
    await site.line((line) => line.includes(`localhost:${port}`), 400_000);
    browser = await launchChromium();
    parts.defer(() => browser.close());
  }, 420_000);
  afterAll(() => parts.disposeAsync());

  let context: BrowserContext;
  let page: Page;
  let problems: string[];
  beforeEach(async () => {
    context = await browser.newContext();
    problems = complaintsOf(context);
    context.on('request', (request) => {
      if (new URL(request.url()).host !== new URL(url).host) problems.push(`it asked ${request.url()}`);
    });
    context.on('response', (response) => {
      if (response.status() >= 400) problems.push(`${response.status()}: ${response.url()}`);
    });
    page = await context.newPage();
  });
  afterEach(async () => {
    await context.close();
    expect(problems).toEqual([]);
  });

  const heading = (name: string | RegExp) => page.getByRole('heading', { name, level: 1 }).waitFor();

  it('begins with the README, and leads by its links to pages, folders and sources', async () => {
    await page.goto(`${url}/`);
    await heading('Millrace');
    await page.getByRole('img', { name: 'an answer with code' }).waitFor();
    const main = page.getByRole('main');
    await main.getByRole('link', { name: 'chat-python', exact: true }).click();
    await heading(/Python/);
    const source = await main.getByRole('link', { name: 'resume.py', exact: true }).first().getAttribute('href');
    expect(await (await page.request.get(new URL(source ?? '', url).href)).text()).toContain('Last-Event-ID');
  });

  it('draws its diagrams', async () => {
    await page.goto(`${url}/docs/resume`);
    const diagrams = page.locator('.mermaid-picture');
    expect(await diagrams.count()).toBe(2);
    for (const diagram of await diagrams.all()) await diagram.locator('svg[aria-roledescription="sequence"]').waitFor();
  });

  it('has no address outside its base, and a file for each inside', () => {
    const dist = join(ROOT, 'docs/site/dist');
    const pages = globSync('**/*.html', { cwd: dist });
    expect(pages.length).toBeGreaterThan(50);
    const wrong = pages.flatMap((file) =>
      [...readFileSync(join(dist, file), 'utf8').matchAll(/ (?:href|src)="(\/[^"#?]*)/g)]
        .map(([, address = '']) => address)
        .filter((address) => !isInSite(dist, address))
        .map((address) => `${file}: ${address}`),
    );
    expect([...new Set(wrong)]).toEqual([]);
  });

  it('finds a page by a word of its text', async () => {
    await page.goto(`${url}/`);
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByRole('searchbox').fill('buffering');
    await page.getByRole('option').filter({ hasText: 'Behind a proxy' }).first().click();
    await heading('Behind a proxy');
  });
});

/** Whether an address, which begins at the host's root, leads to a file of the site. */
function isInSite(dist: string, address: string): boolean {
  const [, path] = /^\/manual\/(.*)/.exec(decodeURI(address)) ?? [];
  return path !== undefined && ['', '.html', 'index.html'].some((end) => existsSync(join(dist, path + end)));
}
