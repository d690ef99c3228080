import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@millrace/testing';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { violationsOf } from './accessibility.ts';
import { complaintsOf, hasChromium, launchChromium } from './chromium.ts';
import { SystemHarness } from './system-harness.ts';

const TIMEOUT_MS = 90_000;
const inChromium = hasChromium ? describe : describe.skip;
const PATIENT = { timeoutMs: 30_000 };
/** The elements that stick out of the page, but those in tables, which scroll. */
const WIDER_THAN_THE_PAGE = `[...document.querySelectorAll('body *')]
  .filter((element) => element.getBoundingClientRect().right > window.innerWidth + 1)
  .filter((element) => element.parentElement.closest('.table-scroll') === null && element.closest('.visually-hidden') === null)
  .map((element) => element.tagName + '.' + element.className)`;

const key = (name: string) => ({ 'x-api-key': `the-secret-of-${name}` });
const ENV = {
  MILLRACE_AUTH: 'apikey',
  MILLRACE_API_KEYS: [
    'root:admin:the-secret-of-root',
    'acme:manager:the-secret-of-acme',
    'globex:user:the-secret-of-globex',
  ].join(),
  MILLRACE_WEB_ROOT: fileURLToPath(new URL('../../services/web/dist', import.meta.url)),
  MILLRACE_WORKER_CONCURRENCY: '2',
};

inChromium('the console, in Chromium', () => {
  let system: SystemHarness;
  let browser: Browser;
  let context: BrowserContext;
  let complaints: string[];
  beforeAll(async () => {
    system = await SystemHarness.start({ env: ENV });
    browser = await launchChromium();
  }, TIMEOUT_MS);
  afterAll(async () => {
    await browser?.close();
    await system?.[Symbol.asyncDispose]();
  }, TIMEOUT_MS);
  beforeEach(() => newContext());
  afterEach(async () => {
    await context.close();
    for (const status of ['queued', 'active']) {
      await fetch(`${system.url}/jobs?status=${status}`, { method: 'DELETE', headers: key('root') });
    }
  });

  async function newContext(options: BrowserContextOptions = {}): Promise<void> {
    await context?.close();
    context = await browser.newContext(options);
    complaints = complaintsOf(context);
  }

  /** Opens the console with the key of a tenant. */
  async function open(name = 'root', hash = ''): Promise<Page> {
    const page = await context.newPage();
    await openIn(page, name, hash);
    return page;
  }

  async function openIn(page: Page, name = 'root', hash = ''): Promise<void> {
    await page.goto(`${system.url}/console${hash}`);
    await page.getByLabel('Key of an admin or manager').fill(`the-secret-of-${name}`);
    await page.getByRole('button', { name: 'Open the console' }).click();
    await page.getByRole('navigation', { name: 'Console' }).waitFor();
    // before the key was given
    complaints.splice(0);
  }

  /** Starts jobs that say nothing until they are cancelled. */
  async function flood(name: string, count: number): Promise<string[]> {
    for (let nth = 0; nth < count; nth += 1) system.model.gated();
    const ids: string[] = [];
    for (let nth = 0; nth < count; nth += 1) {
      const answer = await fetch(`${system.url}/jobs`, {
        method: 'POST',
        headers: { ...key(name), 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify({ query: 'the-prompt-that-nobody-may-see' }),
      });
      ids.push(((await answer.json()) as { id: string }).id);
    }
    return ids;
  }

  const row = (page: Page, table: string, name: string) =>
    page.getByRole('region', { name: table }).getByRole('row').filter({ hasText: name });
  const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name }).waitFor();

  it(
    'shows what a job said for a reason alone',
    async () => {
      system.model.answer(['the words'], { to: 'Say it' });
      const answer = await fetch(`${system.url}/jobs`, {
        method: 'POST',
        headers: {
          ...key('globex'),
          'content-type': 'application/json',
          accept: 'application/json',
          prefer: 'wait=30',
        },
        body: JSON.stringify({ query: 'Say it' }),
      });
      const { id } = (await answer.json()) as { id: string };
      const page = await open('root', `#/jobs/globex/${id}`);
      await page.getByText('finishReason: stop').waitFor();
      expect(await page.content()).not.toContain('the words');
      await page.getByRole('button', { name: 'Show the content' }).click();
      await page.getByLabel('Reason').fill('ticket 17');
      await page.getByRole('button', { name: 'Show', exact: true }).click();
      await page.getByText('the words').waitFor();
      await page.reload();
      await page.getByText('reason: ticket 17').waitFor();
    },
    TIMEOUT_MS,
  );

  it(
    'shows an operator which tenant floods and which job hangs, and ends both',
    async () => {
      const [quiet = ''] = await flood('globex', 1);
      const page = await open();
      await row(page, 'Running jobs of which nothing was stored', quiet).waitFor();
      await flood('acme', 12);
      const acme = row(page, 'Figures by tenant', 'acme');
      await eventually(async () => Number(await acme.getByRole('cell').first().textContent()) > 5, PATIENT);
      // who has most to do is first
      await eventually(async () => (await page.getByRole('rowheader').first().textContent()) === 'acme', PATIENT);

      await page.getByRole('button', { name: 'Cancel many jobs' }).click();
      await page.getByRole('dialog').getByLabel('Tenant').fill('acme');
      await page.getByRole('button', { name: 'Cancel these jobs' }).click();
      await page.getByText(/^\d+ jobs are cancelled\.$/).waitFor();

      await row(page, 'Running jobs of which nothing was stored', quiet).getByRole('link').click();
      await heading(page, `Job ${quiet}`);
      await page.getByRole('button', { name: 'Cancel the job' }).click();
      await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel the job' }).click();
      await page.getByText('by: admin').waitFor();
      await page.reload();
      await row(page, 'Audit log', 'job.cancel').getByRole('cell', { name: 'admin of root' }).waitFor();
      expect(complaints).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'shows the figures without their curves where the script for those cannot be loaded',
    async () => {
      await context.route('**/assets/chart-*.js', (route) => route.abort());
      const page = await open();
      await page.getByRole('region', { name: 'Workers' }).waitFor();
      await page.getByText('Queued jobs: ').waitFor();
      expect(await page.locator('.chart canvas').count()).toBe(0);
    },
    TIMEOUT_MS,
  );

  it(
    'finds by its id a job that somebody else cancelled, and who that was',
    async () => {
      const [id = ''] = await flood('globex', 1);
      await fetch(`${system.url}/jobs/${id}`, { method: 'DELETE', headers: key('root') });
      const page = await open('root', '#/jobs');
      await page.getByLabel('Request id').fill(id);
      await page.keyboard.press('Enter');
      await heading(page, `Job ${id}`);
      await row(page, 'Audit log', 'job.cancel').getByRole('cell', { name: 'admin of root' }).waitFor();
    },
    TIMEOUT_MS,
  );

  it(
    'opens the job that was asked for and no other, and says that there is none',
    async () => {
      const [other = ''] = await flood('globex', 1);
      const page = await open('root', '#/jobs');
      await page.getByLabel('Status').selectOption('active');
      await page.getByRole('button', { name: 'Find' }).click();
      await row(page, 'Jobs', other).waitFor();
      const gate = Promise.withResolvers<void>();
      await page.route('**/console/jobs?*', async (route) => {
        await gate.promise;
        await route.continue();
      });
      await page.getByLabel('Request id').fill('an-id-that-nobody-has-had');
      await page.getByRole('button', { name: 'Find' }).click();
      // the row that was alone there is not what is looked for
      await page.getByText('Looking…').waitFor();
      gate.resolve();
      await page.getByText('No such job.').waitFor();
      expect(new URL(page.url()).hash).toBe('#/jobs');
    },
    TIMEOUT_MS,
  );

  it(
    'finds again with the same filter, and forgets a failure that is over',
    async () => {
      const page = await open('root', '#/jobs');
      const unavailable = { status: 503, json: { detail: 'Redis does not answer.' } };
      await page.route('**/console/jobs?*', (route) => route.fulfill(unavailable));
      await page.getByRole('button', { name: 'Find' }).click();
      await page.getByText('Redis does not answer.').waitFor();
      expect(await page.getByText('Looking…').count()).toBe(0);
      await page.unroute('**/console/jobs?*');
      const [id = ''] = await flood('globex', 1);
      await page.getByRole('button', { name: 'Find' }).click();
      await row(page, 'Jobs', id)
        .filter({ hasText: /queued|active/ })
        .waitFor();
      expect(await page.getByText('Redis does not answer.').count()).toBe(0);
      await fetch(`${system.url}/jobs/${id}`, { method: 'DELETE', headers: key('root') });
      await page.getByRole('button', { name: 'Find' }).click();
      await row(page, 'Jobs', id).filter({ hasText: 'cancelled' }).waitFor();
    },
    TIMEOUT_MS,
  );

  it(
    'puts older jobs below those of the same filter alone, and forgets that they were refused once',
    async () => {
      const found = (url: URL): string =>
        `${url.searchParams.get('status') ?? 'any'}-${url.searchParams.get('cursor')}`;
      const answers = { late: Promise.withResolvers<void>(), status: 200 };
      await context.route('**/console/jobs?*', async (route) => {
        const url = new URL(route.request().url());
        const isOlder = url.searchParams.has('cursor');
        if (isOlder && answers.status === 200) await answers.late.promise;
        if (isOlder && answers.status !== 200) {
          await route.fulfill({ status: answers.status, json: { detail: 'Refused once.' } });
          return;
        }
        const job = {
          id: found(url),
          tenant: 't',
          status: 'failed',
          pipeline: 'chat',
          model: 'm',
          attempt: 1,
          error: null,
        };
        const times = { createdAt: '2026-11-30T00:00:00Z', finishedAt: null };
        await route.fulfill({ json: { items: [{ ...job, ...times }], nextCursor: 'next' } });
      });
      const page = await open('root', '#/jobs');
      const ids = page.getByRole('region', { name: 'Jobs' }).getByRole('rowheader');
      const shown = (expected: readonly string[]) =>
        eventually(async () => (await ids.allTextContents()).join() === expected.join(), PATIENT);
      await shown(['any-null']);
      await page.getByRole('button', { name: 'Older jobs' }).click();
      await page.getByLabel('Status').selectOption('failed');
      await page.getByRole('button', { name: 'Find' }).click();
      await shown(['failed-null']);
      const older = page.waitForResponse(/cursor=next/);
      answers.late.resolve();
      await older;

      answers.status = 503;
      await page.getByRole('button', { name: 'Older jobs' }).click();
      await page.getByText('Refused once.').waitFor();
      await shown(['failed-null']);
      answers.status = 200;
      await page.getByRole('button', { name: 'Older jobs' }).click();
      await shown(['failed-null', 'failed-next']);
      expect(await page.getByText('Refused once.').count()).toBe(0);
    },
    TIMEOUT_MS,
  );

  it(
    'shows an admin the queues in a tab of their own, and asks no other host',
    async () => {
      const [id = ''] = await flood('globex', 1);
      const page = await open();
      const hosts = new Set<string>();
      context.on('request', (request) => hosts.add(new URL(request.url()).host));
      const opening = context.waitForEvent('page');
      await page.getByRole('button', { name: 'Look at the queues' }).click();
      const board = await opening;
      await board.waitForURL('**/console/queues/');
      await board.getByRole('link', { name: /^jobs/i }).first().click();
      await board.getByText(id).first().waitFor();
      expect(await board.content()).not.toContain('the-prompt-that-nobody-may-see');
      expect([...hosts]).toEqual([new URL(system.url).host]);
      expect(complaints).toEqual([]);
      // the session is gone, or has ended
      await context.clearCookies();
      expect((await board.reload())?.status()).toBe(401);
    },
    TIMEOUT_MS,
  );

  it.each([
    ['tab with the queues', async (_: Page, board: Page) => board.close()],
    ['console', async (page: Page) => page.goto('about:blank')],
  ])(
    'ends the session of the queues with the %s',
    async (_, leave) => {
      const page = await open();
      const opening = context.waitForEvent('page');
      await page.getByRole('button', { name: 'Look at the queues' }).click();
      const board = await opening;
      await board.waitForURL('**/console/queues/');
      const [session] = await context.cookies(`${system.url}/console/queues`);
      const headers = { cookie: `${session?.name}=${session?.value}` };
      const status = async () => {
        const answer = await fetch(`${system.url}/console/queues`, { headers });
        await answer.text();
        return answer.status;
      };
      expect(await status()).toBe(200);
      await leave(page, board);
      await eventually(async () => (await status()) === 401, PATIENT);
    },
    TIMEOUT_MS,
  );

  it(
    'pauses and resumes the queue, and drains a worker',
    async () => {
      const page = await open();
      await page.getByRole('button', { name: 'Pause the queue' }).click();
      await page.getByRole('button', { name: 'Pause', exact: true }).click();
      await page.getByRole('button', { name: 'Resume the queue' }).waitFor();
      const [id = ''] = await flood('globex', 1);
      const status = async () => {
        const job = await fetch(`${system.url}/jobs/${id}`, { headers: key('globex') });
        return ((await job.json()) as { status: string }).status;
      };
      expect(await status()).toBe('queued');
      await page.getByRole('button', { name: 'Resume the queue' }).click();
      await eventually(async () => (await status()) === 'active', PATIENT);

      const drain = page.getByRole('button', { name: /^Drain worker/ });
      await eventually(async () => (await drain.count()) === 2, PATIENT);
      await drain.first().click();
      await page.getByRole('button', { name: /^Resume worker/ }).click();
      await eventually(async () => (await drain.count()) === 2, PATIENT);
    },
    TIMEOUT_MS,
  );

  it(
    'says that the figures are old when the service goes silent, and shows new ones when it speaks again',
    async () => {
      const page = await context.newPage();
      await page.clock.install();
      await openIn(page);
      await page.getByRole('region', { name: 'Workers' }).waitFor();
      for (const api of system.apis) api.pause();
      try {
        await page.clock.fastForward(20_000);
        await page.getByRole('alert').filter({ hasText: 'has gone silent' }).waitFor();
      } finally {
        for (const api of system.apis) api.resume();
      }
      await page.getByRole('alert').waitFor({ state: 'detached' });
    },
    TIMEOUT_MS,
  );

  it(
    'opens with the key that it has, and reads what it shows, when the service is there again',
    async () => {
      const page = await open('root', '#/tenants');
      await page.route(/console\/(caller|tenants)|\/keys$/, (route) =>
        route.fulfill({ status: 503, json: { detail: 'Redis does not answer.' } }),
      );
      await page.reload();
      const problem = page.getByRole('alert').filter({ hasText: 'Redis does not answer. Trying again.' });
      await problem.waitFor();
      expect(await page.getByLabel('Key of an admin or manager').count()).toBe(0);
      await page.unrouteAll();
      await page.route(/console\/tenants|\/keys$/, (route) =>
        route.fulfill({ status: 503, json: { detail: 'Redis does not answer.' } }),
      );
      await problem.nth(1).waitFor();
      expect(await page.getByText(/Looking…|No key was made/).count()).toBe(0);
      await page.unrouteAll();
      await row(page, 'Tenants', 'globex').waitFor();
      await page.getByText('No key was made at run time.').waitFor();
      expect(await problem.count()).toBe(0);
    },
    TIMEOUT_MS,
  );

  it(
    'sets limits, and makes a key that is shown once',
    async () => {
      const page = await open('root', '#/tenants');
      await page.getByRole('button', { name: 'Edit the limits of globex' }).click();
      await page.getByRole('dialog').getByLabel('Streams').fill('77');
      await page.getByRole('button', { name: 'Set the limits' }).click();
      await row(page, 'Tenants', 'globex').getByText('of 77').waitFor();

      await page.getByRole('button', { name: 'Make a key' }).click();
      await page.getByRole('dialog').getByLabel('Tenant').fill('initech');
      await page.getByRole('dialog').getByLabel('Name').fill('their backend');
      await page.getByRole('button', { name: 'Make the key' }).click();
      const secret = (await page.getByText(/^mrk_/).textContent()) ?? '';
      expect((await fetch(`${system.url}/jobs`, { headers: { 'x-api-key': secret } })).status).toBe(200);
      await page.getByRole('button', { name: 'Done' }).click();
      await row(page, 'Tenants', 'initech').waitFor();
      expect(await page.content()).not.toContain(secret);

      await page.getByRole('button', { name: 'Delete the key their backend' }).click();
      await page.getByRole('button', { name: 'Delete', exact: true }).click();
      await page.getByText('No key was made at run time.').waitFor();
      expect(complaints).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'shows a manager the jobs and limits of the own tenant alone, and a user nothing',
    async () => {
      const [[own = ''], [foreign = '']] = [await flood('acme', 1), await flood('globex', 1)];
      const page = await open('acme');
      await row(page, 'Jobs', own).waitFor();
      expect(await page.getByText(foreign).count()).toBe(0);
      expect(await page.getByRole('link', { name: 'Now' }).count()).toBe(0);
      await page.getByRole('link', { name: 'Tenants' }).click();
      await row(page, 'Tenants', 'acme').waitFor();
      expect(await page.getByText('globex').count()).toBe(0);

      await newContext();
      const other = await context.newPage();
      await other.goto(`${system.url}/console`);
      await other.getByLabel('Key of an admin or manager').fill('the-secret-of-globex');
      await other.keyboard.press('Enter');
      await other.getByRole('alert').filter({ hasText: 'job:inspect' }).waitFor();
    },
    TIMEOUT_MS,
  );

  it.each([
    ['light', 1_280],
    ['dark', 1_280],
    ['light', 360],
    ['dark', 360],
  ] as const)(
    'has no violation of axe, no foreign request, and room for everything: %s, %d pixels wide',
    async (colorScheme, width) => {
      await newContext({ colorScheme, viewport: { width, height: 800 } });
      const [id = ''] = await flood('globex', 1);
      const page = await open();
      const requests: string[] = [];
      page.on('request', (request) => requests.push(request.url()));
      await page.getByRole('region', { name: 'Workers' }).waitFor();
      await row(page, 'Running jobs of which nothing was stored', id).waitFor();
      await page.locator('.chart canvas').first().waitFor();
      const fits = () => page.evaluate(WIDER_THAN_THE_PAGE);
      const check = async () => expect([await violationsOf(page), await fits()]).toEqual([[], []]);
      await check();
      await page.getByRole('button', { name: 'Cancel many jobs' }).click();
      await page.getByRole('dialog').waitFor();
      await check();
      await page.keyboard.press('Escape');
      for (const [link, title] of [
        ['Jobs', 'Jobs'],
        ['Tenants', 'Tenants'],
      ] as const) {
        // by keyboard
        await page.getByRole('link', { name: link }).focus();
        await page.keyboard.press('Enter');
        await heading(page, title);
        await page.getByRole('rowheader').first().waitFor();
        await check();
      }
      await page.goto(`${system.url}/console#/jobs/globex/${id}`);
      await page.getByRole('listitem').filter({ hasText: 'started' }).waitFor();
      await check();
      expect(requests.filter((url) => new URL(url).origin !== new URL(system.url).origin)).toEqual([]);
      expect(complaints).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
