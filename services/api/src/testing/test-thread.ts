import { threadRef } from '@millrace/contracts';
import { ThreadKeys } from '@millrace/threads';
import type { ApiHarness, TestNode } from './api-harness.ts';

/** A thread, with jobs that have their turns when the test says so. */
export class TestThread {
  readonly ref;
  readonly #keys: ThreadKeys;
  #turns = 0;

  constructor(
    readonly harness: ApiHarness,
    tenant = 'default',
    readonly id = `thread-${crypto.randomUUID()}`,
  ) {
    this.ref = threadRef(tenant, id);
    this.#keys = new ThreadKeys(harness.prefix);
  }

  get channel(): string {
    return this.#keys.channel(this.ref);
  }

  streamOf(node: TestNode): string {
    return `${node.url}/threads/${this.id}/stream`;
  }

  async create(): Promise<this> {
    await this.harness.redis.hset(this.#keys.record(this.ref), { createdAt: Date.now() });
    return this;
  }

  activeJob(): Promise<string | null> {
    return this.harness.redis.hget(this.#keys.record(this.ref), 'active');
  }

  /** Gives a job the turn. */
  async activate(jobId: string): Promise<void> {
    await this.harness.redis.hset(this.#keys.record(this.ref), 'active', jobId);
    await this.rank(jobId);
  }

  /** Gives a job a number in the order of the turns. */
  async rank(jobId: string): Promise<void> {
    this.#turns += 1;
    await this.harness.redis
      .multi()
      .hset(this.#keys.record(this.ref), 'turn', this.#turns)
      .zadd(this.#keys.jobs(this.ref), this.#turns, jobId)
      .publish(this.channel, 'turn')
      .exec();
  }

  async leave(): Promise<void> {
    await this.harness.redis.multi().hdel(this.#keys.record(this.ref), 'active').publish(this.channel, 'turn').exec();
  }

  async erase({ publishes = true } = {}): Promise<void> {
    const { redis } = this.harness;
    await redis.unlink(this.#keys.record(this.ref), this.#keys.jobs(this.ref));
    if (publishes) await redis.publish(this.channel, 'turn');
  }
}
