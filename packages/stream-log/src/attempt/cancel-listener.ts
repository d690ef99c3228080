import type { JobRef } from '@millrace/contracts';
import type { ChannelHub } from '../channel/channel-hub.ts';
import { AttemptFenced, JobClosed, LogLost } from '../errors.ts';
import type { KeySpace } from '../redis/keys.ts';
import type { RedisConnection } from '../redis/scripts.ts';
import type { AttemptWriter } from './attempt-writer.ts';

/** The longest a running job is not known to be still its attempt's own, milliseconds. */
const RENEWAL_MS = 1_000;

/** How often jobs are gone through for those that must be asked for. In step, a thousand of them would hold the process
 *  for 15 ms; as it is, each has its own time, and one that speaks is never asked for. */
const TICK_MS = 100;

interface Watched {
  readonly writer: AttemptWriter;
  /** what it had stored when it was last gone through */
  storedSeq: number;
  /** when its job was last known to be its own, ms of performance.now() */
  ownAt: number;
}

/** Tells running attempts that somebody else closed or took over their job (law 7): at once by the control channel,
 *  and within a second by looking at the records of those that store nothing, for a message that was lost. The third way
 *  is the refusal of the attempt's next append. One per process. */
export class CancelWatcher {
  readonly #watched = new Map<JobRef, Watched>();
  readonly #timer: NodeJS.Timeout;
  #renewing = false;

  /** @param hub plain (not sharded): the control channel belongs to no job */
  constructor(
    readonly redis: RedisConnection,
    readonly hub: ChannelHub,
    readonly keys: KeySpace,
  ) {
    this.#timer = setInterval(() => void this.#renew(this.#silent()), TICK_MS);
  }

  /** Resolves when the control channel is confirmed. */
  async start(): Promise<void> {
    await this.hub.subscribe(this.keys.control, {
      message: (ref) => this.#closed(ref as JobRef),
      resubscribed: () => void this.#renew([...this.#watched.values()]),
    });
  }

  /** Watches an attempt until the returned object is disposed of; what became of its job before is found out at once. */
  watch(writer: AttemptWriter): Disposable {
    const watched = { writer, storedSeq: writer.storedSeq, ownAt: performance.now() };
    this.#watched.set(writer.ref, watched);
    // closed between its begin and this moment: whoever heard of it then did not know the attempt
    void this.#check([watched]);
    return {
      [Symbol.dispose]: () => {
        // a newer attempt of the same job may run in this process already
        if (this.#watched.get(writer.ref) === watched) this.#watched.delete(writer.ref);
      },
    };
  }

  close(): void {
    clearInterval(this.#timer);
    this.hub.unsubscribe(this.keys.control);
  }

  #closed(ref: JobRef): void {
    this.#watched.get(ref)?.writer.abort(new JobClosed(ref));
  }

  /** Those whose time has come. An append that was stored has asked the same of the record: at the earliest a tick before
   *  it is seen here, and the job's time may come a tick before it is next looked at. */
  #silent(): Watched[] {
    const now = performance.now();
    const silent: Watched[] = [];
    for (const watched of this.#watched.values()) {
      const { storedSeq } = watched.writer;
      if (storedSeq !== watched.storedSeq) Object.assign(watched, { storedSeq, ownAt: now });
      else if (now - watched.ownAt >= RENEWAL_MS - 2 * TICK_MS) silent.push(watched);
    }
    return silent;
  }

  async #renew(watched: readonly Watched[]): Promise<void> {
    if (this.#renewing) return;
    this.#renewing = true;
    await this.#check(watched);
    this.#renewing = false;
  }

  /** ioredis pipelines the commands of one tick: all of them in one round trip. Never rejects. */
  async #check(watched: readonly Watched[]): Promise<void> {
    try {
      await Promise.all(watched.map((each) => this.#checkOne(each)));
    } catch {
      // Redis is away, which the connection has logged; the next round asks again
    }
  }

  async #checkOne(watched: Watched): Promise<void> {
    const { writer } = watched;
    const askedAt = performance.now();
    const [status, attempt] = await this.redis.hmget(this.keys.record(writer.ref), 'status', 'attempt');
    watched.ownAt = askedAt;
    if (status === null || Number(attempt) < writer.attempt) writer.abort(new LogLost(writer.ref));
    else if (Number(attempt) > writer.attempt) writer.abort(new AttemptFenced(writer.ref));
    else if (status === 'queued') writer.abort(new AttemptFenced(writer.ref));
    else if (status !== 'active') writer.abort(new JobClosed(writer.ref));
  }
}
