import { type JobRef, jobRef, logLimits } from '@millrace/contracts';
import { createLogger, loadSettings } from '@millrace/runtime';
import { AttemptStarter, type AttemptWriter, JobReader, KeySpace } from '@millrace/stream-log';
import { startRedis, type TestRedis } from '@millrace/testing';
import { Redis } from 'ioredis';
import { type Api, type AppOptions, createApp } from '../app.ts';
import { type ApiSettings, apiSettingsSchema } from '../settings.ts';

/** @returns the reference of a job of the only tenant without keys */
export const refOf = (jobId: string): JobRef => jobRef('default', jobId);

export type Env = Readonly<Record<string, string>>;

export interface TestNode {
  readonly url: string;
  readonly api: Api;
  /** its log lines, parsed */
  readonly log: Record<string, unknown>[];
}

/** API nodes with a key prefix of their own, and a worker that the test plays. */
export class ApiHarness implements AsyncDisposable {
  readonly prefix = `test-${crypto.randomUUID()}`;
  readonly keys = new KeySpace(this.prefix);
  readonly redis: Redis;
  readonly reader: JobReader;
  readonly #starter: AttemptStarter;
  readonly #nodes: Api[] = [];
  #ownRedis: TestRedis | null = null;

  /** @returns a harness with a Redis of its own */
  static async start(env: Env = {}): Promise<ApiHarness> {
    const redis = await startRedis();
    const harness = new ApiHarness(redis.url, env);
    harness.#ownRedis = redis;
    return harness;
  }

  constructor(
    readonly redisUrl: string,
    readonly env: Env = {},
  ) {
    this.redis = new Redis(redisUrl, { retryStrategy: () => 50 });
    this.redis.on('error', () => {
      // some tests stop Redis on purpose
    });
    this.reader = new JobReader(this.redis, this.keys);
    this.#starter = new AttemptStarter(this.redis, this.keys, logLimits(this.settings({})));
  }

  settings(env: Env): ApiSettings {
    return loadSettings(apiSettingsSchema, {
      PORT: '0',
      REDIS_URL: this.redisUrl,
      MILLRACE_KEY_PREFIX: this.prefix,
      MILLRACE_DRAIN_MS: '0',
      MILLRACE_LINGER_MS: '0',
      ...this.env,
      ...env,
    });
  }

  /** Starts a node.
   *  @param options what differs from a node as it is deployed */
  async node(env: Env = {}, options: AppOptions = {}): Promise<TestNode> {
    const log: Record<string, unknown>[] = [];
    const destination = { write: (line: string) => log.push(JSON.parse(line)) };
    const logger = createLogger({ service: 'api', level: 'info', destination });
    const api = await createApp(this.settings(env), logger, options);
    this.#nodes.push(api);
    return { url: await api.listen(), api, log };
  }

  /** @returns the keys of this deployment, but not those that nodes write by themselves, and a moment after a stream has ended */
  async storedKeys(): Promise<string[]> {
    const keys = await this.redis.keys(`*${this.prefix}*`);
    return keys
      .filter((key) => !/:registry\}:(shard|sweeper:[\d-]+)$|:write-probe$|:stream-nodes$|:streams$/.test(key))
      .sort();
  }

  /** Begins an attempt of a job, as a worker does. */
  async begin(jobId: string, tenant = 'default'): Promise<AttemptWriter> {
    // a worker asks the thread first; this one may take a job as often as a test likes
    const options = { isNext: true, isAlone: true };
    const begun = await this.#starter.begin(jobRef(tenant, jobId), crypto.randomUUID(), options);
    if (begun.kind !== 'begun') throw new Error(`the job cannot begin: ${begun.kind}`);
    return begun.writer;
  }

  /** Runs a job to its end, with one append for each delta. */
  async answer(jobId: string, deltas: readonly string[], tenant = 'default'): Promise<void> {
    const writer = await this.begin(jobId, tenant);
    await say(writer, deltas);
    await finish(writer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#nodes.splice(0).map((api) => api.close()));
    this.redis.disconnect();
    await this.#ownRedis?.stop();
  }
}

export async function say(writer: AttemptWriter, deltas: readonly string[]): Promise<void> {
  for (const text of deltas) {
    writer.emit({ type: 'text', data: { text } });
    await writer.flush();
  }
}

export async function finish(writer: AttemptWriter): Promise<void> {
  await writer.done({
    finishReason: 'stop',
    usage: { inputTokens: 3, outputTokens: 5 },
    timings: { queueMs: 1, firstTokenMs: 2, totalMs: 3 },
  });
}

/** A POST with a JSON body. */
export function post(node: TestNode, body: unknown, headers: Env = {}): Promise<Response> {
  return fetch(`${node.url}/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

/** Creates a job without watching it. @returns its id */
export async function submit(node: TestNode, headers: Env = {}, body: object = { query: 'hi' }): Promise<string> {
  const answer = await post(node, body, { accept: 'application/json', ...headers });
  if (answer.status !== 202) throw new Error(`not accepted: ${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as { id: string }).id;
}
