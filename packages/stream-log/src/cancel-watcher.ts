import type { AttemptWriter } from './attempt-writer.ts';
import type { ChannelHub } from './channel-hub.ts';
import { AttemptFenced, JobClosed, LogLost } from './errors.ts';
import type { KeySpace } from './keys.ts';
import type { RedisConnection } from './scripts.ts';

/** How often a worker asks whether its jobs are still its own, milliseconds. */
const RENEWAL_MS = 1_000;

/** Tells running attempts that somebody else closed or took over their job (law 7): at once by the control channel,
 *  and within a second by looking at the records, for a message that was lost. The third way is the refusal of the
 *  attempt's next append. One per process. */
export class CancelWatcher {
  readonly #writers = new Map<string, AttemptWriter>();
  readonly #timer: NodeJS.Timeout;
  #renewing = false;

  /** @param hub plain (not sharded): the control channel belongs to no job */
  constructor(
    readonly redis: RedisConnection,
    readonly hub: ChannelHub,
    readonly keys: KeySpace,
  ) {
    this.#timer = setInterval(() => void this.#renew(), RENEWAL_MS);
  }

  /** Resolves when the control channel is confirmed. */
  async start(): Promise<void> {
    await this.hub.subscribe(this.keys.control, {
      message: (id) => this.#closed(id),
      resubscribed: () => void this.#renew(),
    });
  }

  /** Watches an attempt until the returned object is disposed of; what became of its job before is found out at once. */
  watch(writer: AttemptWriter): Disposable {
    this.#writers.set(writer.id, writer);
    // closed between its begin and this moment: whoever heard of it then did not know the attempt
    void this.#check([writer]);
    return {
      [Symbol.dispose]: () => {
        // a newer attempt of the same job may run in this process already
        if (this.#writers.get(writer.id) === writer) this.#writers.delete(writer.id);
      },
    };
  }

  close(): void {
    clearInterval(this.#timer);
    this.hub.unsubscribe(this.keys.control);
  }

  #closed(id: string): void {
    this.#writers.get(id)?.abort(new JobClosed(id));
  }

  /** The renewal: all jobs of a process, round by round. */
  async #renew(): Promise<void> {
    if (this.#renewing) return;
    this.#renewing = true;
    await this.#check([...this.#writers.values()]);
    this.#renewing = false;
  }

  /** ioredis pipelines the commands of one tick: all of them in one round trip. Never rejects. */
  async #check(writers: readonly AttemptWriter[]): Promise<void> {
    try {
      await Promise.all(writers.map((writer) => this.#checkOne(writer)));
    } catch {
      // Redis is away, which the connection has logged; the next round asks again
    }
  }

  async #checkOne(writer: AttemptWriter): Promise<void> {
    const [status, attempt] = await this.redis.hmget(this.keys.record(writer.id), 'status', 'attempt');
    if (status === null || Number(attempt) < writer.attempt) writer.abort(new LogLost(writer.id));
    else if (Number(attempt) > writer.attempt) writer.abort(new AttemptFenced(writer.id));
    else if (status === 'queued') writer.abort(new AttemptFenced(writer.id));
    else if (status !== 'active') writer.abort(new JobClosed(writer.id));
  }
}
