import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ThreadRef } from '@millrace/contracts';
import { Random, startRedis, type TestRedis } from '@millrace/testing';
import { ThreadHarness } from './testing/thread-harness.ts';

const NODES = 4;
const JOBS_OF_A_NODE = 15;

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

/** One of several nodes, each with a connection of its own: its jobs enter, and whoever has the turn is run by a worker that
 *  now and then dies, and is taken over. */
class Node {
  /** jobs that were let in */
  readonly entered: string[] = [];

  constructor(
    readonly d: ThreadHarness,
    readonly ref: ThreadRef,
    readonly random: Random,
  ) {}

  async enter(jobId: string): Promise<void> {
    const onBusy = this.random.pick(['enqueue', 'enqueue', 'reject', 'interrupt', 'rollback'] as const);
    const kind = this.random.chance(20) ? 'resume' : 'message';
    const { ref } = this;
    const entry = { ref, jobId, onBusy, kind } as const;
    const [entered, again] = await Promise.all([this.d.threads.enter(entry), this.d.threads.enter(entry)]);
    if (['busy', 'not-interrupted', 'unknown-thread'].includes(entered.kind)) {
      // refused, then let in: the job is in the thread
      if (!['run', 'wait', 'cancel-first'].includes(again.kind)) return;
    }
    this.entered.push(jobId);
    for (const answer of [entered, again]) {
      if (answer.kind === 'run') await this.run(jobId);
      if (answer.kind === 'cancel-first') await this.leave(answer.jobId, 'cancelled');
    }
  }

  async run(jobId: string): Promise<void> {
    const attempts = this.random.chance(20) ? 2 : 1;
    const lease = (attempt: number) => ({ ref: this.ref, jobId, attempt, leaseToken: `${jobId}-${attempt}` });
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const claimed = await this.d.threads.claim(lease(attempt), [{ role: 'user', content: 'asked' }]);
      if (claimed.kind === 'not-active') return;
    }
    await this.leave(jobId, this.random.pick(['completed', 'failed', 'cancelled', 'interrupted'] as const));
  }

  async leave(jobId: string, status: 'completed' | 'failed' | 'cancelled' | 'interrupted'): Promise<void> {
    const interrupts = status === 'interrupted' ? [{ interruptId: 'q', value: jobId }] : [];
    const said = [{ role: 'assistant', content: 'said' }] as const;
    const ending = { ref: this.ref, jobId, status, said, interrupts };
    const [left, again] = await Promise.all([this.d.threads.leave(ending), this.d.threads.leave(ending)]);
    for (const next of new Set([left.next, again.next])) if (next !== null) await this.run(next);
  }
}

describe('many nodes on one thread (law 17)', () => {
  it.each([1, 2, 3, 4, 5, 6])('give the turn to one job at a time and forget none (%i)', async (seed) => {
    const random = new Random(seed);
    const harnesses = Array.from({ length: NODES }, () => ThreadHarness.single(server.url));
    const [first] = harnesses as [ThreadHarness, ...ThreadHarness[]];
    const ref = first.newRef();
    const nodes = harnesses.map(({ redis }) => {
      const d = new ThreadHarness(redis, undefined, first.prefix);
      return new Node(d, ref, new Random(random.seed()));
    });
    await Promise.all(
      nodes.flatMap((node, nth) => Array.from({ length: JOBS_OF_A_NODE }, (_, i) => node.enter(`job-${nth}-${i}`))),
    );

    const [{ d }] = nodes as [Node];
    // the last word of each job has been heard: nobody has the turn, nobody waits
    expect(await d.threads.get(ref)).toMatchObject({ activeJob: null });
    expect(await d.redis.exists(d.keys.waiting(ref))).toBe(0);
    const entered = nodes.flatMap((node) => node.entered);
    const turns = await d.redis.zrange(d.keys.jobs(ref), '0', '-1');
    expect(new Set(turns)).toEqual(new Set(entered));
    expect(turns).toHaveLength(entered.length);
    // what a job was asked and what it said stand together, in the order of turns: no two had the turn at once
    const messages = await d.threads.messages(ref, { from: 0, limit: 1_000 });
    const speakers = messages.filter(({ jobId }, i) => jobId !== messages[i - 1]?.jobId).map(({ jobId }) => jobId);
    expect(speakers).toHaveLength(new Set(speakers).size);
    expect(speakers).toEqual(turns.filter((jobId) => speakers.includes(jobId)));
    for (const { redis } of harnesses) redis.disconnect();
  });
});
