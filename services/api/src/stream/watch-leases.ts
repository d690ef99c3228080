import type { JobReader, JobRecord, KeySpace, RedisConnection } from '@millrace/stream-log';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Cancellation } from '../jobs/cancellation.ts';
import type { ApiSettings } from '../settings.ts';
import { JOB_READER, KEYS, REDIS, SETTINGS } from '../tokens.ts';

/** Jobs cancelled in one round, at most. */
const ROUND = 100;

/** Every node is back this long after Redis is (law 12), milliseconds. */
const SETTLE_MS = 5_000;

/** One reader's part in keeping a job alive. */
export interface Watch {
  /** the reader is gone */
  end(): void;
  /** the creator has its answer, or the job its end: nobody needs to watch any more */
  jobEnded(): void;
}

const NO_WATCH: Watch = { end() {}, jobEnded() {} };

/** Cancels jobs that asked for it (`onDisconnect: "cancel"`) when nobody has watched them for the grace time.
 *
 *  Watchers may be on any node, and a node may die, so the decision rests on Redis alone (law 1): a sorted set holds
 *  each such job with a deadline. Every node with a watcher moves the deadline forward, three times per grace time; a
 *  node whose last watcher leaves sets it to now + grace; any node cancels what is overdue. A dead node moves nothing
 *  any more, so its jobs fall due within twice the grace time.
 *
 *  After an outage every deadline is overdue although all readers are still there: a node that has seen one cancels
 *  nothing until the others have had time to come back and renew. */
@Injectable()
export class WatchLeases implements OnApplicationBootstrap, OnApplicationShutdown {
  /** watchers of this process, by job */
  readonly #watchers = new Map<string, number>();
  readonly #graceMs: number;
  /** Redis's clock minus ours: deadlines of several machines need one clock */
  #clockOffsetMs = 0;
  /** from when on this node may cancel, ms of performance.now(); null: the last round failed */
  #settledAt: number | null = 0;
  #timer: NodeJS.Timeout | null = null;
  #round: Promise<void> = Promise.resolve();

  constructor(
    @Inject(SETTINGS) settings: ApiSettings,
    @Inject(REDIS) private readonly redis: RedisConnection,
    @Inject(KEYS) private readonly keys: KeySpace,
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(Cancellation) private readonly cancellation: Cancellation,
  ) {
    this.#graceMs = settings.MILLRACE_DISCONNECT_GRACE_MS;
  }

  onApplicationBootstrap(): void {
    this.#timer = setInterval(() => {
      this.#round = this.#round.then(() => this.#renewAndCancel());
    }, this.#graceMs / 3);
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#round;
  }

  /** Counts a reader of a job in. Costs nothing for a job that goes on without readers. */
  watch(job: Pick<JobRecord, 'id' | 'request'>, { isCreator }: { readonly isCreator: boolean }): Watch {
    if (job.request.onDisconnect !== 'cancel') return NO_WATCH;
    const { id } = job;
    this.#watchers.set(id, (this.#watchers.get(id) ?? 0) + 1);
    // a watcher only prolongs: where there is no deadline, the job's creator was never lost
    this.#attempt(
      this.redis.zadd(this.keys.abandonedJobs, ...(isCreator ? [] : ['XX' as const]), 'GT', this.#deadline(2), id),
    );
    let ended = false;
    return {
      end: () => {
        if (ended) return;
        ended = true;
        if (this.#leave(id)) this.#attempt(this.redis.zadd(this.keys.abandonedJobs, 'XX', this.#deadline(1), id));
      },
      jobEnded: () => {
        if (ended) return;
        ended = true;
        this.#leave(id);
        this.#attempt(this.redis.zrem(this.keys.abandonedJobs, id));
      },
    };
  }

  /** @returns whether it was the last of this process */
  #leave(id: string): boolean {
    const left = (this.#watchers.get(id) ?? 1) - 1;
    if (left > 0) this.#watchers.set(id, left);
    else this.#watchers.delete(id);
    return left <= 0;
  }

  #deadline(graces: number): number {
    return Math.round(Date.now() + this.#clockOffsetMs + graces * this.#graceMs);
  }

  async #renewAndCancel(): Promise<void> {
    try {
      await this.#readClock();
      await this.#renew();
      this.#settledAt ??= performance.now() + SETTLE_MS;
      if (performance.now() >= this.#settledAt) await this.#cancelOverdue();
    } catch {
      this.#settledAt = null; // an outage, which the connection has logged
    }
  }

  async #readClock(): Promise<void> {
    const [seconds, micros] = await this.redis.time();
    this.#clockOffsetMs = Number(seconds) * 1000 + Number(micros) / 1000 - Date.now();
  }

  async #renew(): Promise<void> {
    const deadline = this.#deadline(2);
    const renewed = [...this.#watchers.keys()].flatMap((id) => [deadline, id]);
    if (renewed.length > 0) await this.redis.zadd(this.keys.abandonedJobs, 'XX', 'GT', ...renewed);
  }

  async #cancelOverdue(): Promise<void> {
    const overdue = await this.redis.zrangebyscore(
      this.keys.abandonedJobs,
      '-inf',
      this.#deadline(0),
      'LIMIT',
      0,
      ROUND,
    );
    for (const id of overdue) {
      const job = await this.reader.get(id);
      if (job !== null) await this.cancellation.cancel(job, { by: 'disconnect', tenant: null });
      await this.redis.zrem(this.keys.abandonedJobs, id);
    }
  }

  #attempt(write: Promise<unknown>): void {
    write.catch(() => {
      // a lost write moves no deadline; the next round writes again, or lets it fall due
    });
  }
}
