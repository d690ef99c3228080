import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { endless, type ModelSteps } from '@millrace/simulated-model';
import { type ServiceName, type SpawnedService, spawnService } from '@millrace/testing';
import { inProject } from '../../scripts/setup/project.mjs';
import { MillraceCommand } from '../e2e/millrace-command.ts';
import { SystemHarness } from '../e2e/system-harness.ts';
import { Alerts } from './alerts.ts';
import { Shell } from './shell.ts';

/** Jobs that a worker runs at a time. */
export const SLOTS = 8;
/** Who asks all day; who floods; who operates. */
export const TENANTS = { shop: 'shop', flood: 'flood', ops: 'ops' } as const;

export const PROMPTS = {
  /** answered within a second, if the provider is well */
  usual: 'Why is the sky blue?',
  /** never ends: a word now and then */
  held: 'hold',
  /** takes ten seconds */
  slow: 'slow',
} as const;

const WORD_MS = 5_000;
const ANSWER = 'The sky is blue because air scatters short waves more than long ones.'.split(/(?<= )/);

const ENV = {
  MILLRACE_AUTH: 'apikey',
  MILLRACE_API_KEYS: [`${TENANTS.shop}:user`, `${TENANTS.flood}:user`, `${TENANTS.ops}:admin`]
    .map((caller) => `${caller}:${secretOf(caller.split(':')[0] ?? '')}`)
    .join(','),
  MILLRACE_WORKER_CONCURRENCY: String(SLOTS),
  // a refused call is tried again soon, and a job that gets no answer fails soon
  MILLRACE_MODEL_RETRIES: '2',
  MILLRACE_RETRY_MIN_DELAY_MS: '50',
  MILLRACE_RETRY_MAX_DELAY_MS: '200',
};

/** What the model's provider does with a call: answer, refuse each, or refuse every other one. */
export type Provider = 'well' | 'fails' | 'throttles';

/** The built system, a Prometheus with the project's rules that looks at it, and what whoever is on call has at hand. */
export class Stage implements AsyncDisposable {
  provider: Provider = 'well';
  /** of processes that have ended */
  readonly #past: (readonly string[])[] = [];

  private constructor(
    readonly system: SystemHarness,
    readonly alerts: Alerts,
    readonly shell: Shell,
    private readonly parts: AsyncDisposableStack,
  ) {}

  /** @param times how many times as quick the rules are */
  static async start(times: number): Promise<Stage> {
    await using parts = new AsyncDisposableStack();
    const system = parts.use(await SystemHarness.start({ faulty: true, env: ENV }));
    system.model.answer(ANSWER, { to: PROMPTS.slow, firstTokenMs: 100, stepMs: 10_000 / ANSWER.length });
    system.model.answer(() => endless(), { to: PROMPTS.held, stepMs: WORD_MS });
    const targets = (services: readonly SpawnedService[]) => services.map(({ port }) => `127.0.0.1:${port}`);
    const watched = { 'millrace-api': targets(system.apis), 'millrace-worker': targets(system.workers) };
    const alerts = parts.use(await Alerts.start(watched, times));
    const folder = await mkdtemp(join(tmpdir(), 'millrace-incidents-'));
    parts.defer(() => rm(folder, { recursive: true, force: true }));
    const logs = join(folder, 'logs');
    const shell = new Shell({
      PATH: `${inProject('node_modules/.bin')}${delimiter}${process.env['PATH']}`,
      PROMETHEUS_URL: alerts.url,
      MILLRACE_URL: system.url,
      MILLRACE_API_KEY: secretOf(TENANTS.ops),
      // reached as the nodes reach it
      REDIS_URL: `redis://127.0.0.1:${system.network.api.port}`,
      MILLRACE_LOGS: `cat ${logs}`,
      MILLRACE_KEY_PREFIX: system.env['MILLRACE_KEY_PREFIX'] ?? '',
      NO_COLOR: '1',
    });
    const stage: Stage = new Stage(system, alerts, shell, parts.move());
    system.model.answer(({ index }) => stage.#answer(index), { to: PROMPTS.usual, firstTokenMs: 100, stepMs: 50 });
    shell.before = () => writeFile(logs, stage.#lines().join('\n'));
    return stage;
  }

  /** A service of a kind; its number stays with its place when it is started again. */
  service(name: ServiceName, number: number): SpawnedService {
    const service = this.#all(name)[number];
    if (service === undefined) throw new RangeError(`there is no ${name} ${number}`);
    return service;
  }

  /** Starts a service again in its place, once it has ended.
   *  @param env settings that differ */
  async startAgain(name: ServiceName, number: number, env: Readonly<Record<string, string>> = {}): Promise<void> {
    const old = this.service(name, number);
    await old.child.exited;
    this.#past.push(old.child.lines);
    const all = { ...this.system.envOf(name), ...env, PORT: String(old.port) };
    this.#all(name)[number] = await spawnService(name, all);
  }

  /** Has the command line do something as the operator would.
   *  @throws Error it does not end well */
  async operate(...args: readonly string[]): Promise<void> {
    const key = { MILLRACE_API_KEY: secretOf(TENANTS.ops) };
    const { code, err } = await MillraceCommand.run(this.system.url, args, { env: key });
    if (code !== 0) throw new Error(`millrace ${args.join(' ')}: ${err}`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.parts.disposeAsync();
  }

  #answer(index: number): ModelSteps {
    if (this.provider === 'fails') return [{ fail: { status: 500 } }];
    return this.provider === 'throttles' && index % 2 === 0 ? [{ fail: { status: 429 } }] : ANSWER;
  }

  #all(name: ServiceName): SpawnedService[] {
    return name === 'api' ? this.system.apis : this.system.workers;
  }

  #lines(): string[] {
    const running = [...this.system.apis, ...this.system.workers].map(({ child }) => child.lines);
    return [...this.#past, ...running].flat();
  }
}

/** The credentials of a tenant. */
export function headersOf(tenant: string): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${secretOf(tenant)}`, 'content-type': 'application/json' };
}

function secretOf(tenant: string): string {
  return `the-secret-of-${tenant}`;
}
