import type { EventId, JobRef, JobRequest, StoredEvent } from '@millrace/contracts';
import { compareEventIds, eventPosition, idOf, isTerminal, jobRef, LOG_START, newRequestId } from '@millrace/contracts';
import { newKeyPrefix } from '@millrace/testing';
import { Cluster, Redis } from 'ioredis';
import { AttemptStarter, type Begun } from '../attempt/attempt-starter.ts';
import type { AttemptWriter } from '../attempt/attempt-writer.ts';
import { ChannelHub } from '../channel/channel-hub.ts';
import { ContentCipher, PLAIN } from '../encryption/content-cipher.ts';
import type { KeyWrapper } from '../encryption/master-keys.ts';
import { TenantKeys } from '../encryption/tenant-keys.ts';
import { JobNotFound } from '../errors.ts';
import type { EventSink, Subscription } from '../follow/subscriber.ts';
import { type FollowingOptions, type FollowOptions, Subscribers } from '../follow/subscribers.ts';
import type { EventBatch } from '../log/event-batch.ts';
import { JobCanceller } from '../log/job-canceller.ts';
import { JobOpener } from '../log/job-opener.ts';
import { JobReader } from '../log/job-reader.ts';
import { NewJob } from '../log/new-job.ts';
import type { LogLimits } from '../log/record.ts';
import { KeySpace } from '../redis/keys.ts';
import type { RedisConnection } from '../redis/scripts.ts';

const LIMITS: LogLimits = {
  recordRetentionMs: 60_000,
  logRetentionMs: 60_000,
  unfinishedRetentionMs: 60_000,
  maxEvents: 100_000,
  maxBytes: 50_000_000,
  maxAttempts: 10,
};

export const REQUEST: JobRequest = {
  messages: [{ role: 'user', content: 'hi' }],
  pipeline: 'chat',
  model: 'openai:test',
  onDisconnect: 'continue',
  onCrash: 'restart',
  timeoutMs: 60_000,
};

interface NodeParts extends Required<FollowingOptions> {
  readonly reads: RedisConnection;
  readonly subscriber: RedisConnection;
}

/** A node that follows jobs. */
export class FollowingNode extends Subscribers {
  readonly #reader: JobReader;

  constructor(redis: RedisConnection, hub: ChannelHub, keys: KeySpace, options: FollowingOptions) {
    super(redis, hub, keys, options);
    this.#reader = new JobReader(redis, keys, options.cipher);
  }

  /** Looks a job up and follows it, as a caller that knows its reference. */
  async attach(ref: JobRef, options: FollowOptions): Promise<Subscription> {
    const outline = await this.#reader.outline(ref);
    if (outline === null) throw new JobNotFound(idOf(ref));
    return this.follow(outline, options);
  }
}

/** Everything of the stream log on one key prefix: nodes that follow, and a worker's side. */
export class LogHarness implements AsyncDisposable {
  readonly keys = new KeySpace(newKeyPrefix());
  readonly redis: RedisConnection;
  readonly opener: JobOpener;
  readonly reader: JobReader;
  readonly canceller: JobCanceller;
  readonly starter: AttemptStarter;
  readonly limits: LogLimits;
  readonly cipher: ContentCipher;
  readonly #connect: () => RedisConnection;
  readonly #closers: (() => void)[] = [];

  /** @param wrappers by id; empty: nothing is encrypted */
  constructor(
    connect: () => RedisConnection,
    limits: Partial<LogLimits> = {},
    readonly wrappers: ReadonlyMap<string, KeyWrapper> = new Map(),
  ) {
    this.#connect = connect;
    this.redis = this.connection();
    const all = { ...LIMITS, ...limits };
    this.limits = all;
    this.cipher = this.cipherWith(wrappers);
    this.opener = new JobOpener(this.redis, this.keys, all, this.cipher);
    this.reader = new JobReader(this.redis, this.keys, this.cipher);
    this.canceller = new JobCanceller(this.redis, this.keys, all);
    this.starter = new AttemptStarter(this.redis, this.keys, all, { cipher: this.cipher });
  }

  static single(url: string, limits?: Partial<LogLimits>, wrappers?: ReadonlyMap<string, KeyWrapper>): LogHarness {
    const retryStrategy = () => 50;
    return new LogHarness(
      () => new Redis(url, { autoResubscribe: false, maxRetriesPerRequest: null, retryStrategy }),
      limits,
      wrappers,
    );
  }

  static cluster(ports: readonly number[], wrappers?: ReadonlyMap<string, KeyWrapper>): LogHarness {
    const nodes = ports.map((port) => ({ host: '127.0.0.1', port }));
    return new LogHarness(
      () => new Cluster(nodes, { shardedSubscribers: true, slotsRefreshInterval: 1_000 }),
      {},
      wrappers,
    );
  }

  /** What encrypts in another process. */
  cipherWith(wrappers: ReadonlyMap<string, KeyWrapper>): ContentCipher {
    if (wrappers.size === 0) return PLAIN;
    const cipher = new ContentCipher(new TenantKeys(this.redis, this.keys, wrappers));
    this.#closers.unshift(() => cipher.close());
    return cipher;
  }

  connection(): RedisConnection {
    const connection = this.#connect();
    // some tests cause an outage: it shows in what they await
    connection.on('error', () => undefined);
    this.#closers.push(() => connection.disconnect());
    return connection;
  }

  /** A node with connections of its own, or with those that a test wants to break. */
  node({
    reads = this.connection(),
    subscriber = this.connection(),
    cipher = this.cipher,
    restore = null,
  }: Partial<NodeParts> = {}): FollowingNode {
    const hub = new ChannelHub({ connection: subscriber, sharded: this.redis.isCluster });
    const subscribers = new FollowingNode(reads, hub, this.keys, { cipher, restore });
    this.#closers.unshift(() => {
      subscribers.close();
      hub.close();
    });
    return subscribers;
  }

  /** A job that is queued. */
  async job(request: Partial<JobRequest> = {}, ref = jobRef('default', newRequestId())): Promise<JobRef> {
    const parts = { ref, fingerprint: 'f', request: { ...REQUEST, ...request }, metadata: {} };
    await this.opener.open(new NewJob(parts, await this.opener.sealerOf(ref)));
    return ref;
  }

  /** Starts an attempt at a job. */
  async begin(ref: JobRef, leaseToken = newRequestId()): Promise<AttemptWriter> {
    // as often as a test likes
    return begun(await this.starter.begin(ref, leaseToken, { isAlone: true })).writer;
  }

  async log(ref: JobRef): Promise<StoredEvent[]> {
    return (await this.reader.page(ref, LOG_START, { events: 1e9, bytes: 1e9 })).events;
  }

  /** The answer so far: all text after the last `reset`; null when the log has expired. */
  async text(ref: JobRef): Promise<string | null> {
    const events = await this.log(ref);
    return events.length === 0 ? null : textOf(events);
  }

  /** Leaves what a fail-over leaves when the replica lacked the events after `last` of the present attempt. */
  async loseAfter(ref: JobRef, last: EventId): Promise<void> {
    const kept = (await this.log(ref)).filter((event) => compareEventIds(event.id, last) <= 0);
    await this.redis.del(this.keys.log(ref));
    for (const event of kept) await this.redis.xadd(this.keys.log(ref), event.id, event.type, event.data);
    await this.redis.hset(this.keys.record(ref), 'seq', eventPosition(last).seq);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers) close();
  }
}

function begun(outcome: Begun): Extract<Begun, { kind: 'begun' }> {
  if (outcome.kind !== 'begun') throw new Error(`begin: ${outcome.kind}`);
  return outcome;
}

export const DONE = {
  finishReason: 'stop',
  usage: { inputTokens: 1, outputTokens: 2 },
  timings: { queueMs: 1, firstTokenMs: 2, totalMs: 3 },
};

/** A reader that keeps what it was given, and that tests can await. */
export class Recorder implements EventSink {
  readonly events: StoredEvent[] = [];
  ended: string | null = null;
  subscription: Subscription | null = null;
  /** how many events it takes before it is full */
  room = Number.POSITIVE_INFINITY;
  readonly #waiters = new Set<() => void>();

  static async follow(node: FollowingNode, ref: JobRef, after: EventId = LOG_START): Promise<Recorder> {
    const recorder = new Recorder();
    recorder.subscription = await node.attach(ref, { after, sink: recorder });
    return recorder;
  }

  batch(batch: EventBatch): boolean {
    this.events.push(...batch.events);
    this.room -= batch.events.length;
    this.#wake();
    return this.room > 0;
  }

  end(reason: string): void {
    this.ended = reason;
    this.#wake();
  }

  /** Resolves as soon as `condition` holds; it is checked after each batch. */
  async until(condition: (recorder: Recorder) => boolean): Promise<this> {
    while (!condition(this)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiters.add(resolve);
      await promise;
    }
    return this;
  }

  terminal(): Promise<this> {
    return this.until(({ events }) => events.some(({ type }) => isTerminal(type)));
  }

  get ids(): string[] {
    return this.events.map(({ id }) => id);
  }

  get types(): string[] {
    return this.events.map(({ type }) => type);
  }

  /** the answer as a client would have it: all text after the last reset */
  get text(): string {
    return textOf(this.events);
  }

  #wake(): void {
    for (const resolve of this.#waiters) resolve();
    this.#waiters.clear();
  }
}

export function textOf(events: readonly StoredEvent[]): string {
  const start = events.findLastIndex(({ type }) => type === 'reset') + 1;
  return events
    .slice(start)
    .filter(({ type }) => type === 'text')
    .map(({ data }) => (JSON.parse(data) as { text: string }).text)
    .join('');
}

export function say(writer: AttemptWriter, text: string): void {
  writer.emit({ type: 'text', data: { text } });
}
