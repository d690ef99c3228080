import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AttemptWriter, JobCanceller } from '@millrace/stream-log';
import { readSse, type SseReader } from '@millrace/testing';
import fc from 'fast-check';
import { ApiHarness, finish, refOf, say, submit, type TestNode } from '../testing/api-harness.ts';
import { TestThread } from '../testing/test-thread.ts';
import { JOB_CANCELLER } from '../tokens.ts';

let harness: ApiHarness;
let nodes: readonly [TestNode, TestNode];

beforeAll(async () => {
  harness = await ApiHarness.start();
  nodes = [await harness.node(), await harness.node()];
});
afterAll(() => harness?.[Symbol.asyncDispose]());

type Step =
  | { readonly kind: 'post'; readonly onBusy: 'enqueue' | 'interrupt' | 'rollback' }
  | { readonly kind: 'say' | 'take-over' | 'finish' | 'cancel-waiting' | 'kill-subscribers' }
  | { readonly kind: 'cut'; readonly reader: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('post' as const),
      onBusy: fc.constantFrom('enqueue', 'enqueue', 'interrupt', 'rollback'),
    }),
  },
  { weight: 6, arbitrary: fc.constant({ kind: 'say' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'take-over' as const }) },
  { weight: 4, arbitrary: fc.constant({ kind: 'finish' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'cancel-waiting' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'kill-subscribers' as const }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('cut' as const), reader: fc.nat(2) }) },
);

/** One thread, the API and the worker of its jobs, and three readers that are cut and resume on either node. */
class Story {
  readonly of: TestThread;
  readonly #order: string[] = [];
  readonly #waiting: string[] = [];
  readonly #seen: string[][] = [[], [], []];
  #readers: SseReader[] = [];
  #running: { readonly id: string; readonly writer: AttemptWriter } | null = null;
  #moves = 0;

  constructor() {
    this.of = new TestThread(harness);
  }

  async begin(): Promise<void> {
    await this.of.create();
    this.#readers = await Promise.all(this.#seen.map((_, reader) => readSse(this.of.streamOf(this.#node(reader)))));
  }

  async happens(next: Step): Promise<void> {
    if (next.kind === 'post') await this.#post(next.onBusy);
    else if (next.kind === 'cut') await this.#cut(next.reader);
    else if (next.kind === 'say') await this.#say();
    else if (next.kind === 'take-over') await this.#takeOver();
    else if (next.kind === 'finish') await this.#finish();
    else if (next.kind === 'cancel-waiting') await this.#cancelWaiting();
    else await harness.redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  }

  /** Ends all that runs or waits, then compares what each reader was given with the logs. */
  async holds(): Promise<void> {
    while (this.#running !== null) await this.#finish();
    const logs = await Promise.all(
      this.#order.map(async (id) => {
        const { events } = await harness.reader.page(refOf(id), '0-0');
        return events.map((event) => `${id}/${event.id}`);
      }),
    );
    const all = logs.flat();
    for (const [reader, stream] of this.#readers.entries()) {
      const before = this.#seen[reader] ?? [];
      const expected = all.length - before.length;
      if (expected > 0) await stream.take(expected);
      await stream.close();
      const given = [...before, ...stream.events.map(({ id }) => id)];
      expect(given).toEqual(all);
    }
  }

  async #post(onBusy: 'enqueue' | 'interrupt' | 'rollback'): Promise<void> {
    const id = await submit(nodes[0]);
    const entered = await this.of.enter(id, onBusy);
    if (entered === 'run') await this.#start(id);
    else if (entered === 'wait') this.#waiting.push(id);
    else {
      this.#waiting.unshift(id);
      const running = this.#running?.id ?? '';
      await nodes[0].api.nest.get<JobCanceller>(JOB_CANCELLER).cancel(refOf(running), 'thread');
      await this.#leave(running, 'cancelled');
    }
  }

  async #start(id: string): Promise<void> {
    this.#order.push(id);
    this.#running = { id, writer: await harness.begin(id) };
  }

  async #say(): Promise<void> {
    if (this.#running !== null) await say(this.#running.writer, ['word ', 'word ']);
  }

  async #takeOver(): Promise<void> {
    if (this.#running === null) return;
    const { id } = this.#running;
    this.#running = { id, writer: await harness.begin(id) };
  }

  async #finish(): Promise<void> {
    if (this.#running === null) return;
    await finish(this.#running.writer);
    await this.#leave(this.#running.id, 'completed');
  }

  async #leave(id: string, status: 'completed' | 'cancelled'): Promise<void> {
    this.#running = null;
    const next = await this.of.leave(id, status);
    expect(next).toBe(this.#waiting.shift() ?? null);
    if (next !== null) await this.#start(next);
  }

  async #cancelWaiting(): Promise<void> {
    const id = this.#waiting.pop();
    if (id === undefined) return;
    await nodes[0].api.nest.get<JobCanceller>(JOB_CANCELLER).cancel(refOf(id), 'owner');
    await this.of.leave(id, 'cancelled');
    this.#order.push(id);
  }

  async #cut(reader: number): Promise<void> {
    const stream = this.#readers[reader];
    if (stream === undefined) return;
    await stream.close();
    this.#seen[reader]?.push(...stream.events.map(({ id }) => id ?? ''));
    const cursor = this.#seen[reader]?.at(-1) ?? stream.response.headers.get('last-event-id') ?? '';
    this.#moves += 1;
    this.#readers[reader] = await readSse(this.of.streamOf(this.#node(reader)), {
      headers: { 'last-event-id': cursor },
    });
  }

  #node(reader: number): TestNode {
    return nodes[(reader + this.#moves) % 2] ?? nodes[0];
  }
}

describe('whatever happens in a thread', () => {
  it('each reader gets the jobs whole, in the order of their turns: no gap, no repeat (property)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
        const story = new Story();
        await story.begin();
        for (const next of steps) await story.happens(next);
        await story.holds();
      }),
      { numRuns: 40 },
    );
  });
});
