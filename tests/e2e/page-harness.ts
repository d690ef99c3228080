import { fileURLToPath } from 'node:url';
import { Millrace } from '@millrace/client';
import { type SimulatedModel, startModel } from '@millrace/simulated-model';
import {
  eventually,
  type FaultProxy,
  freePort,
  newKeyPrefix,
  type SpawnedService,
  spawnService,
  startFaultProxy,
  startRedis,
} from '@millrace/testing';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { complaintsOf, launchChromium } from './chromium.ts';

/** The built page. */
export const WEB_ROOT = fileURLToPath(new URL('../../services/web/dist', import.meta.url));

/** The built page in a real browser, with one API node and one worker behind a network that can fail. */
export class PageHarness implements AsyncDisposable {
  private context: BrowserContext | null = null;
  /** of the pages of this test: errors, refused requests, violations of their policy */
  complaints: string[] = [];
  /** requests of this test's pages, in order */
  requests: string[] = [];

  private constructor(
    readonly model: SimulatedModel,
    readonly browser: Browser,
    readonly network: FaultProxy,
    readonly workers: SpawnedService[],
    private readonly settings: Readonly<Record<string, string>>,
    private readonly parts: AsyncDisposableStack,
  ) {}

  static async start(env: Readonly<Record<string, string>> = {}): Promise<PageHarness> {
    await using parts = new AsyncDisposableStack();
    const redis = parts.use(await startRedis());
    const model = parts.use(await startModel());
    const settings = {
      REDIS_URL: redis.url,
      MILLRACE_KEY_PREFIX: newKeyPrefix(),
      OPENAI_BASE_URL: model.baseUrl,
      OPENAI_API_KEY: 'simulated',
      MILLRACE_WEB_ROOT: WEB_ROOT,
      ...env,
    };
    const workers: SpawnedService[] = [];
    parts.defer(async () => void (await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()))));
    const api = parts.use(await spawnService('api', settings));
    const network = parts.use(await startFaultProxy({ target: api.port }));
    const browser = await launchChromium();
    parts.defer(() => browser.close());
    const harness = new PageHarness(model, browser, network, workers, settings, parts.move());
    await harness.addWorker();
    return harness;
  }

  get url(): string {
    return `http://127.0.0.1:${this.network.port}`;
  }

  async addWorker(): Promise<SpawnedService> {
    const healthPort = String(await freePort());
    const own = { PORT: healthPort, MILLRACE_WORKER_HEALTH_PORT: healthPort };
    const worker = await spawnService('worker', { ...this.settings, ...own });
    this.workers.push(worker);
    return worker;
  }

  /** A browser that knows nothing of the tests before, of a caller without conversations. */
  async newContext(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    await this.context?.close();
    await this.#eraseThreads();
    this.context = await this.browser.newContext(options);
    this.complaints = complaintsOf(this.context);
    this.requests = [];
    const { requests } = this;
    this.context.on('request', (request) => void requests.push(request.url()));
    return this.context;
  }

  /** Another tab of the same browser, with nothing in it. */
  async page(): Promise<Page> {
    return (this.context ?? (await this.newContext())).newPage();
  }

  /** Another tab of the same browser. */
  async open(path = '/'): Promise<Page> {
    const page = await this.page();
    await page.goto(new URL(path, this.url).href);
    return page;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.parts.disposeAsync();
  }

  async #eraseThreads(): Promise<void> {
    const apiKey = this.settings['MILLRACE_API_KEYS']?.split(':').at(-1);
    const { threads } = new Millrace({ baseUrl: this.url, ...(apiKey === undefined ? {} : { apiKey }) });
    const { items } = await threads.list({ limit: 100 });
    await Promise.all(items.map(({ id }) => threads.resume(id).erase()));
  }
}

export const answerOf = (page: Page) => page.getByRole('article', { name: 'Answer' }).last();

export const questions = (page: Page) => page.getByRole('article', { name: 'Question' }).locator('.question');

export async function ask(page: Page, question: string): Promise<void> {
  await page.getByLabel('Your question').fill(question);
  await page.keyboard.press('Enter');
}

/** Waits until the last answer has exactly this text. */
export async function shows(page: Page, text: string): Promise<void> {
  const last = page.getByRole('article', { name: 'Answer' }).locator('.markdown').last();
  await last.filter({ hasText: text }).waitFor();
  await eventually(async () => (await last.textContent()) === text);
}

/** Waits until the last answer has ended so. */
export async function ends(page: Page, status: 'completed' | 'failed' | 'cancelled' = 'completed'): Promise<void> {
  await answerOf(page)
    .and(page.locator(`[data-status="${status}"]`))
    .waitFor();
}
