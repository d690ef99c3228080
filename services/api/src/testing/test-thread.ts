import { threadRef } from '@millrace/contracts';
import { StoredBytes } from '@millrace/stream-log';
import { type Entry, ThreadKeys, Threads } from '@millrace/threads';
import type { ApiHarness, TestNode } from './api-harness.ts';

/** A thread whose jobs enter and leave when the test says so, as API and workers make them. */
export class TestThread {
  readonly ref;
  readonly threads: Threads;
  readonly #keys: ThreadKeys;

  constructor(
    readonly harness: ApiHarness,
    tenant = 'default',
    readonly id = `thread-${crypto.randomUUID()}`,
  ) {
    const { redis, keys, prefix } = harness;
    this.ref = threadRef(tenant, id);
    this.#keys = new ThreadKeys(prefix);
    this.threads = new Threads(redis, this.#keys, new StoredBytes(redis, keys), { retentionMs: 3_600_000 });
  }

  get channel(): string {
    return this.#keys.channel(this.ref);
  }

  streamOf(node: TestNode): string {
    return `${node.url}/threads/${this.id}/stream`;
  }

  async create(): Promise<this> {
    await this.threads.create(this.ref);
    return this;
  }

  async enter(jobId: string, onBusy: Entry['onBusy'] = 'enqueue'): Promise<string> {
    return (await this.threads.enter({ ref: this.ref, jobId, onBusy, kind: 'message' })).kind;
  }

  /** @returns the job that has the turn next */
  async leave(jobId: string, status: 'completed' | 'cancelled' = 'completed'): Promise<string | null> {
    return (await this.threads.leave({ ref: this.ref, jobId, status })).next;
  }

  async activeJob(): Promise<string | null> {
    return (await this.threads.get(this.ref))?.activeJob ?? null;
  }

  /** Forgets the last turns, as a fail-over does that lost the writes of a moment. */
  async loseTurns(count: number): Promise<void> {
    await this.harness.redis
      .multi()
      .hincrby(this.#keys.record(this.ref), 'turn', -count)
      .zremrangebyrank(this.#keys.jobs(this.ref), -count, -1)
      .exec();
  }

  /** Says that it is about to be removed, as if that had been some time ago. */
  async announceErasure(agoMs = 0): Promise<void> {
    await this.threads.announceErasure(this.ref);
    await this.harness.redis.hincrby(this.#keys.record(this.ref), 'erasing', -agoMs);
  }

  /** Removes the thread. @param publishes whether its followers are told */
  async erase({ publishes = true } = {}): Promise<void> {
    await this.harness.redis.unlink(this.#keys.ofThread(this.ref));
    if (publishes) await this.harness.redis.publish(this.channel, 'turn');
  }
}
