import { type ModelGate, type SimulatedModel, startModel } from '@millrace/simulated-model';
import {
  canary,
  eventually,
  type FaultProxy,
  freePort,
  newKeyPrefix,
  readSse,
  type ServiceName,
  type SpawnedService,
  type SseReader,
  spawnService,
  startFaultProxy,
  startNginx,
  startRedisProcess,
  type TestNginx,
  type TestRedis,
} from '@millrace/testing';
import { type ProxyOptions, proxyFiles, UNLIMITED } from '../../infra/nginx/render.mjs';
import { RedisUsers } from './redis-users.ts';

/** As long as docker-compose.yml gives the slowest service. */
const RESTART_MS = 45_000;

export interface SystemHarnessOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** let the network between Redis and the services fail: {@link SystemHarness.network} */
  readonly faulty?: boolean;
  /** the caller's Redis, such as a cluster, which the caller closes; the system starts its own when left out */
  readonly redis?: { readonly url: string; readonly users?: RedisUsers };
  /** number of API processes, and of workers; 2 when left out */
  readonly processes?: number;
  /** the folder of another version whose build is started, laid out as this repository */
  readonly root?: string;
}

/** The connection to Redis of all services of a kind. */
export type RedisNetwork = Readonly<Record<ServiceName, FaultProxy>>;

/** Differences from the default proxy. */
export type ProxySettings = Pick<ProxyOptions, 'limits' | 'bufferStreams'>;

export interface CreateOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** which node to ask; nginx when left out */
  readonly at?: string;
}

/** The built system as it is deployed: two API processes, two workers, nginx and Redis, where they have the rights of
 *  infra/redis; only the model is simulated. */
export class SystemHarness implements AsyncDisposable {
  private constructor(
    readonly model: SimulatedModel,
    private readonly ownRedis: TestRedis | null,
    readonly apis: SpawnedService[],
    readonly workers: SpawnedService[],
    readonly proxy: TestNginx,
    readonly env: Readonly<Record<string, string>>,
    private readonly users: RedisUsers | undefined,
    private readonly ways: RedisNetwork | null,
    private readonly parts: AsyncDisposableStack,
  ) {}

  /** @throws Error a part did not start; the others have been ended */
  static async start(options: SystemHarnessOptions = {}): Promise<SystemHarness> {
    const { env = {}, faulty = false, redis, processes = 2, root } = options;
    await using parts = new AsyncDisposableStack();
    const model = parts.use(await startModel());
    const prefix = env['MILLRACE_KEY_PREFIX'] ?? newKeyPrefix();
    const users = redis === undefined ? parts.use(await RedisUsers.of(prefix)) : redis.users;
    const own = redis === undefined ? parts.use(await startRedisProcess(users?.serverArgs)) : null;
    const ways = faulty && own !== null ? { api: await wayTo(own, parts), worker: await wayTo(own, parts) } : null;
    const all = {
      REDIS_URL: own?.url ?? redis?.url ?? '',
      MILLRACE_KEY_PREFIX: users?.keyPrefix ?? prefix,
      OPENAI_BASE_URL: model.baseUrl,
      OPENAI_API_KEY: canary('the model server’s key'),
      MILLRACE_MAX_JOBS_PER_TENANT: '100000',
      MILLRACE_MAX_STREAMS_PER_TENANT: '100000',
      // do not wait for connections that the tests keep open
      MILLRACE_LINGER_MS: '0',
      ...encryption(env),
      ...env,
    };
    const [apis, workers]: [SpawnedService[], SpawnedService[]] = [[], []];
    // read at the end: a restart replaces them
    parts.defer(() => endAll([...apis, ...workers]));
    await spawnAll([
      ...spawning(apis, processes, 'api', asDeployed(users, ways, 'api', all), root),
      ...spawning(workers, processes, 'worker', asDeployed(users, ways, 'worker', all), root),
    ]);
    // a test's whole load comes from one address
    const proxy = parts.use(await startProxy(apis, { limits: UNLIMITED }));
    return new SystemHarness(model, own, apis, workers, proxy, all, users, ways, parts.move());
  }

  /** The system's own Redis. */
  get redis(): TestRedis {
    if (this.ownRedis === null) throw new Error('the system runs on a Redis of the caller');
    return this.ownRedis;
  }

  /** The network to the system's own Redis, when it was started `faulty`. */
  get network(): RedisNetwork {
    if (this.ways === null) throw new Error('the system was not started faulty');
    return this.ways;
  }

  /** The environment of a further service of a kind.
   *  @param changes settings that differ from those of the others */
  envOf(name: ServiceName, changes: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
    return asDeployed(this.users, this.ways, name, { ...this.env, ...changes });
  }

  /** the URL for clients: through nginx */
  get url(): string {
    return this.proxy.url;
  }

  /** One of the two API nodes, bypassing nginx. */
  node(index: number): string {
    const api = this.apis[index % this.apis.length];
    if (api === undefined) throw new RangeError('there is no API node');
    return api.url;
  }

  /** Another nginx in front of the same API nodes, which ends with the system. */
  async proxyWith(options: ProxySettings): Promise<TestNginx> {
    return this.parts.use(await startProxy(this.apis, options));
  }

  /** POSTs a prompt and reads its stream. */
  ask(body: string | object, { headers = {}, at = this.url }: CreateOptions = {}): Promise<SseReader> {
    return readSse(`${at}/jobs`, { body: typeof body === 'string' ? { query: body } : body, headers });
  }

  /** Asks, lets the gate say the first words of the answer, and waits until they have come.
   *  @param gate of the model that will be asked */
  async askUntilText(
    body: string | object,
    gate: ModelGate,
    text: string,
    options: CreateOptions = {},
  ): Promise<SseReader> {
    const stream = await this.ask(body, options);
    await gate.say(text);
    await stream.until(({ event }) => event === 'message');
    return stream;
  }

  /** Watches a job after an event, or from the beginning without one. */
  watch(id: string, { after, at = this.url }: { after?: string; at?: string } = {}): Promise<SseReader> {
    const headers: Record<string, string> = after === undefined ? {} : { 'last-event-id': after };
    return readSse(`${at}/jobs/${id}/stream`, { headers });
  }

  /** Stops a service as a deployment does (SIGTERM), then starts its successor on the same port.
   *  @param env settings that change
   *  @param from whose build the successor is, see {@link SystemHarnessOptions.root}
   *  @throws Error it did not exit cleanly by itself */
  async restart(
    service: SpawnedService,
    env: Readonly<Record<string, string>> = {},
    from: { readonly root?: string } = {},
  ): Promise<void> {
    const name: ServiceName = this.apis.includes(service) ? 'api' : 'worker';
    const exit = await service.stop(RESTART_MS);
    if (exit.code !== 0) throw new Error(`${name} ended with ${JSON.stringify(exit)}`);
    const services = name === 'api' ? this.apis : this.workers;
    const successor = await spawnService(name, { ...this.envOf(name, env), PORT: String(service.port) }, from);
    services[services.indexOf(service)] = successor;
  }

  /** Starts a further worker. */
  async startWorker(): Promise<void> {
    this.workers.push(await spawnService('worker', this.envOf('worker')));
  }

  async job(id: string, at = this.url): Promise<Record<string, unknown>> {
    return (await fetch(`${at}/jobs/${id}`)).json() as Promise<Record<string, unknown>>;
  }

  /** The worker that has taken a job, according to its log; the first one if there are several. */
  async runnerOf(id: string): Promise<SpawnedService> {
    return eventually(() => this.workers.find(({ log }) => log.some(({ requestId }) => requestId === id)));
  }

  cancel(id: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`${this.url}/jobs/${id}`, { ...init, method: 'DELETE' });
  }

  /** Closes something before the system ends, such as a client that would reconnect for ever. */
  use<T extends Disposable>(part: T): T {
    return this.parts.use(part);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.parts.disposeAsync();
  }
}

/** The id of the job that a stream belongs to. */
export function idOf(stream: SseReader): string {
  const id = stream.response.headers.get('x-request-id');
  if (id === null) throw new Error('a stream has an X-Request-Id');
  return id;
}

/** What must be the same for all watchers of a job. */
export function facts(stream: SseReader): string[] {
  return stream.events.map(({ id, event, data }) => `${id} ${event} ${JSON.stringify(data)}`);
}

async function startProxy(apis: readonly SpawnedService[], settings: ProxySettings): Promise<TestNginx> {
  const port = await freePort();
  const nodes = apis.map((api) => `127.0.0.1:${api.port}`);
  return startNginx({ files: proxyFiles({ listen: `127.0.0.1:${port}`, nodes, ...settings }), port });
}

async function wayTo(redis: TestRedis, parts: AsyncDisposableStack): Promise<FaultProxy> {
  return parts.use(await startFaultProxy({ target: redis.port }));
}

/** Encrypts what is stored if whoever runs the tests wants it: `MILLRACE_TEST_ENCRYPTION=on`. */
function encryption({ MILLRACE_CHECKPOINTS: checkpoints = 'redis' }: Readonly<Record<string, string>>) {
  if (process.env['MILLRACE_TEST_ENCRYPTION'] !== 'on' || checkpoints !== 'redis') return {};
  return { MILLRACE_ENCRYPTION_KEYS: `test:${Buffer.alloc(32, 'test').toString('base64')}` };
}

/** What differs between the kinds of services: their user of Redis, and their way to it. */
function asDeployed(
  users: RedisUsers | undefined,
  ways: RedisNetwork | null,
  name: ServiceName,
  env: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const url = ways === null ? (env['REDIS_URL'] ?? '') : `redis://127.0.0.1:${ways[name].port}`;
  const { REDIS_URLS: urls = '' } = env;
  return { ...env, REDIS_URL: users?.urlOf(name, url) ?? url, REDIS_URLS: users?.urlOf(name, urls) ?? urls };
}

/** Starts services in parallel; each joins its kind's list once it is ready, even if another does not start.
 *  @throws Error of the first that did not start, once all have settled */
async function spawnAll(starts: readonly Promise<void>[]): Promise<void> {
  const outcomes = await Promise.allSettled(starts);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

function spawning(
  services: SpawnedService[],
  count: number,
  name: ServiceName,
  env: Readonly<Record<string, string>>,
  root: string | undefined,
): Promise<void>[] {
  const from = root === undefined ? {} : { root };
  return Array.from({ length: count }, async () => void services.push(await spawnService(name, env, from)));
}

async function endAll(services: readonly SpawnedService[]): Promise<void> {
  await Promise.all(services.map((service) => service[Symbol.asyncDispose]()));
}
