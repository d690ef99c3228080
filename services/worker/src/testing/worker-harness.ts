import {
  type AttemptHook,
  type CancelledBy,
  checkpointLimits,
  idOf,
  isTerminal,
  type JobRef,
  type JobRequest,
  jobRef,
  logLimits,
  newRequestId,
  type StoredEvent,
  tenantOf,
  threadRef,
} from '@millrace/contracts';
import { createLogger, loadSettings, type RedisFactory, redisFactory } from '@millrace/runtime';
import type { ModelGate } from '@millrace/simulated-model';
import {
  JobCanceller,
  JobOpener,
  type JobOutline,
  JobReader,
  KeySpace,
  NewJob,
  type RedisConnection,
  StoredBytes,
  saidBy,
} from '@millrace/stream-log';
import { eventually, newKeyPrefix } from '@millrace/testing';
import { type Entered, type Savers, ThreadKeys, Threads } from '@millrace/threads';
import { openSavers } from '@millrace/threads/savers';
import { createWorker, type RunningWorker } from '../create-worker.ts';
import { producer } from '../queue/requeuer.ts';
import { workerSettingsSchema } from '../settings.ts';

type Env = Readonly<Record<string, string>>;

/** Plays the API for any number of workers, with a key prefix of its own. */
export class WorkerHarness implements AsyncDisposable {
  readonly redis: RedisConnection;
  readonly canceller: JobCanceller;
  readonly reader: JobReader;
  readonly keys: KeySpace;
  readonly threads: Threads;
  /** the workers' log lines, parsed */
  readonly log: Record<string, unknown>[] = [];
  readonly #opener: JobOpener;
  readonly #queue: ReturnType<typeof producer>;
  readonly #connections: RedisFactory;
  readonly #workers: RunningWorker[] = [];

  constructor(
    readonly redisUrl: string,
    readonly modelUrl: string,
    readonly prefix = newKeyPrefix(),
  ) {
    this.keys = new KeySpace(prefix);
    const logger = createLogger({ service: 'test', level: 'silent' });
    this.#connections = redisFactory(redisUrl, { name: 'test', logger });
    this.redis = this.#connections.connect('worker');
    const limits = logLimits(this.settings());
    this.#opener = new JobOpener(this.redis, this.keys, limits);
    this.canceller = new JobCanceller(this.redis, this.keys, limits);
    this.reader = new JobReader(this.redis, this.keys);
    const storedBytes = new StoredBytes(this.redis, this.keys);
    this.threads = new Threads(this.redis, new ThreadKeys(this.prefix), storedBytes, { retentionMs: 600_000 });
    this.#queue = producer(this.redis, this.keys);
    this.#queue.on('error', () => undefined); // tests stop Redis on purpose
  }

  /** The environment of a worker. */
  env(env: Env = {}): Env {
    return {
      REDIS_URL: this.redisUrl,
      MILLRACE_KEY_PREFIX: this.prefix,
      OPENAI_BASE_URL: this.modelUrl,
      MILLRACE_RETRY_MIN_DELAY_MS: '1',
      ...env,
    };
  }

  settings(env: Env = {}) {
    return loadSettings(workerSettingsSchema, this.env(env));
  }

  /** Starts a worker in this process. */
  async worker(env: Env = {}, hooks: readonly AttemptHook[] = []): Promise<RunningWorker> {
    const write = (line: string) => this.log.push(JSON.parse(line));
    const logger = createLogger({ service: 'worker', level: 'info', destination: { write } });
    const worker = await createWorker(this.settings(env), logger, hooks);
    this.#workers.push(worker);
    return worker;
  }

  /** @returns the answer so far: all text after the last `reset`; null when the log has expired */
  async text(ref: JobRef): Promise<string | null> {
    const { events } = await this.reader.page(ref, '0-0', { events: 1e9, bytes: 1e9 });
    if (events.length === 0) return null;
    const start = events.findLastIndex(({ type }) => type === 'reset') + 1;
    const texts = events.slice(start).filter(({ type }) => type === 'text');
    return texts.map(({ data }) => (JSON.parse(data) as { text: string }).text).join('');
  }

  /** Lets the model say something, and waits until the log has it.
   *  @param text the first words of the job's answer */
  async store(ref: JobRef, gate: ModelGate, text: string): Promise<void> {
    await gate.say(text);
    await eventually(async () => (await this.text(ref)) === text);
  }

  /** Opens a job and queues it, like the API.
   *  @returns its reference */
  async submit(
    request: Partial<JobRequest> & {
      readonly query?: string;
      readonly tenant?: string;
      readonly queued?: boolean;
      readonly traceparent?: string;
      /** named by the id */
      readonly shard?: number | undefined;
      /** of the shard that has its thread */
      readonly threads?: Threads;
    } = {},
    priority = 1,
  ): Promise<JobRef> {
    const { query = 'hi', tenant = 'default', queued = true, traceparent, shard, threads, ...rest } = request;
    const ref = jobRef(tenant, newRequestId(shard));
    await this.#opener.open(
      new NewJob({
        ...{ ref, fingerprint: ref, metadata: {}, traceparent },
        request: {
          messages: [{ role: 'user', content: query }],
          pipeline: 'chat',
          model: 'openai:simulated',
          onDisconnect: 'continue',
          onCrash: 'restart',
          timeoutMs: 60_000,
          ...rest,
        },
      }),
    );
    if (queued && (await this.#enter(ref, rest, threads)) === 'run') await this.enqueue(ref, priority);
    return ref;
  }

  /** Gives a job its place in its thread, like the API. One that is delayed enters when a worker picks it up. */
  async #enter(ref: JobRef, request: Partial<JobRequest>, threads = this.threads): Promise<Entered['kind']> {
    const { threadId, onBusy = 'enqueue', delayMs } = request;
    if (threadId === undefined) return 'run';
    const thread = threadRef(tenantOf(ref), threadId);
    if (delayMs !== undefined) {
      await threads.expect(thread, idOf(ref));
      return 'run';
    }
    const kind = 'resume' in request ? 'resume' : 'message';
    const entered = await threads.enter({ ref: thread, jobId: idOf(ref), onBusy, kind });
    if (entered.kind === 'cancel-first') {
      const active = jobRef(tenantOf(ref), entered.jobId);
      await this.cancel(active, 'thread');
      return 'wait'; // queued by the cancel
    }
    return entered.kind;
  }

  /** Cancels a job, and lets it leave its thread, like the API. */
  async cancel(ref: JobRef, by: CancelledBy = 'owner'): Promise<void> {
    await this.canceller.cancel(ref, by);
    const job = await this.reader.outline(ref);
    if (job === null || job.threadId === null) return;
    const thread = threadRef(tenantOf(ref), job.threadId);
    const said = (await saidBy(this.reader, job)) ?? [];
    const { next } = await this.threads.leave({ ref: thread, jobId: idOf(ref), status: 'cancelled', said });
    if (next !== null) await this.enqueue(jobRef(tenantOf(ref), next));
  }

  async enqueue(ref: JobRef, priority = 1): Promise<void> {
    await this.#queue.add('generate', {}, { jobId: ref, priority, removeOnComplete: true, removeOnFail: true });
  }

  /** Where agents keep their state. */
  get checkpointOptions() {
    const limits = checkpointLimits(this.settings());
    return { checkpoints: 'redis', redis: this.redis, keys: new ThreadKeys(this.prefix), limits };
  }

  savers(): Promise<Savers> {
    return openSavers(this.checkpointOptions);
  }

  /** Whether a job has a queue entry. */
  async queuedEntry(ref: JobRef): Promise<boolean> {
    return (await this.#queue.getJob(ref)) !== undefined;
  }

  /** The number of queue entries in any state. */
  async queued(): Promise<number> {
    return this.#queue.getJobCountByTypes('waiting', 'prioritized', 'active', 'delayed', 'failed', 'completed');
  }

  /** Waits until the job has a status.
   *  @returns its record */
  async reached(ref: JobRef, status: JobOutline['status'], timeoutMs = 20_000): Promise<JobOutline> {
    const isThere = async () => {
      const record = await this.reader.outline(ref);
      return record?.status === status ? record : null;
    };
    return eventually(isThere, { timeoutMs });
  }

  /** All events so far, as `[type, data]`. */
  async events(ref: JobRef): Promise<[StoredEvent['type'], Record<string, unknown>][]> {
    const { events } = await this.reader.page(ref, '0-0', { events: 10_000 });
    return events.map(({ type, data }) => [type, JSON.parse(data)]);
  }

  /** Waits for the end.
   *  @returns the terminal event's type and data */
  async end(ref: JobRef, timeoutMs = 20_000): Promise<[StoredEvent['type'], Record<string, unknown>]> {
    const ended = async () => {
      const last = (await this.events(ref)).at(-1);
      return last !== undefined && isTerminal(last[0]) ? last : null;
    };
    return eventually(ended, { timeoutMs });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
    await this.#queue.close();
    this.#connections.close();
  }
}
