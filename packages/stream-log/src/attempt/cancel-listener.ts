import type { JobRef } from '@millrace/contracts';
import type { ChannelHub } from '../channel/channel-hub.ts';
import { AttemptFenced, JobClosed, LogLost } from '../errors.ts';
import type { KeySpace } from '../redis/keys.ts';
import type { RedisConnection } from '../redis/scripts.ts';
import type { AttemptWriter } from './attempt-writer.ts';

/** How long a running attempt may not know whether it still owns its job, milliseconds. */
const RENEWAL_MS = 1_000;

/** How often to look for attempts that are due. In step, a thousand of them would block the process for 15 ms; here
 *  each has its own time, and one that stores events is never asked about. */
const TICK_MS = 100;

interface RunningAttempt {
  readonly writer: AttemptWriter;
  /** what it had stored when it was last looked at */
  storedSeq: number;
  /** when it was last known to own its job, ms of performance.now() */
  ownedAt: number;
}

/** Tells running attempts that somebody else closed or took over their job (law 7): at once by the control channel, and
 *  within a second by reading the records of those that store nothing, in case a message was lost. The third way is the
 *  refusal of the attempt's next append. One per process. */
export class CancelListener {
  readonly #running = new Map<JobRef, RunningAttempt>();
  readonly #timer: NodeJS.Timeout;
  #renewing = false;

  /** @param hub plain (not sharded): the control channel belongs to no job */
  constructor(
    readonly redis: RedisConnection,
    readonly hub: ChannelHub,
    readonly keys: KeySpace,
  ) {
    this.#timer = setInterval(() => void this.#renew(this.#due()), TICK_MS);
  }

  /** Resolves when the control channel is confirmed. */
  async start(): Promise<void> {
    await this.hub.subscribe(this.keys.control, {
      message: (ref) => this.#closed(ref as JobRef),
      resubscribed: () => void this.#renew([...this.#running.values()]),
    });
  }

  /** Listens for an attempt until the returned object is disposed of. What happened to its job before is found at
   *  once. */
  listenFor(writer: AttemptWriter): Disposable {
    const running = { writer, storedSeq: writer.storedSeq, ownedAt: performance.now() };
    this.#running.set(writer.ref, running);
    // a message between its begin and this moment found no attempt here
    void this.#check([running]);
    return {
      [Symbol.dispose]: () => {
        // a newer attempt of the same job may run in this process already
        if (this.#running.get(writer.ref) === running) this.#running.delete(writer.ref);
      },
    };
  }

  close(): void {
    clearInterval(this.#timer);
    this.hub.unsubscribe(this.keys.control);
  }

  #closed(ref: JobRef): void {
    this.#running.get(ref)?.writer.abort(new JobClosed(ref));
  }

  /** A stored append has also checked the record: this sees it at most one tick late, and a due job too. */
  #due(): RunningAttempt[] {
    const now = performance.now();
    const due: RunningAttempt[] = [];
    for (const running of this.#running.values()) {
      const { storedSeq } = running.writer;
      if (storedSeq !== running.storedSeq) Object.assign(running, { storedSeq, ownedAt: now });
      else if (now - running.ownedAt >= RENEWAL_MS - 2 * TICK_MS) due.push(running);
    }
    return due;
  }

  async #renew(attempts: readonly RunningAttempt[]): Promise<void> {
    if (this.#renewing) return;
    this.#renewing = true;
    await this.#check(attempts);
    this.#renewing = false;
  }

  /** ioredis pipelines the commands of one tick: all of them are one round trip. Never rejects. */
  async #check(attempts: readonly RunningAttempt[]): Promise<void> {
    try {
      await Promise.all(attempts.map((running) => this.#checkOne(running)));
    } catch {
      // Redis is away, which the connection has logged; the next tick checks again
    }
  }

  async #checkOne(running: RunningAttempt): Promise<void> {
    const { writer } = running;
    const checkedAt = performance.now();
    const [status, attempt] = await this.redis.hmget(this.keys.record(writer.ref), 'status', 'attempt');
    running.ownedAt = checkedAt;
    if (status === null || Number(attempt) < writer.attempt) writer.abort(new LogLost(writer.ref));
    else if (Number(attempt) > writer.attempt || status === 'queued') writer.abort(new AttemptFenced(writer.ref));
    else if (status !== 'active') writer.abort(new JobClosed(writer.ref));
  }
}
