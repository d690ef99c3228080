import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  compareEventIds,
  type EventId,
  eventPosition,
  isTerminal,
  type JobRef,
  jobRef,
  LOG_START,
  newRequestId,
  type StoredEvent,
} from '@millrace/contracts';
import { startRedis, type TestRedis } from '@millrace/testing';
import fc from 'fast-check';
import type { AttemptWriter } from '../attempt/attempt-writer.ts';
import { JobNotFound, LogExpired } from '../errors.ts';
import { scriptsOf } from '../redis/scripts.ts';
import { DONE, type FollowingNode, LogHarness, Recorder, say } from '../testing/log-harness.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

type Step =
  | { kind: 'say'; writer: number; text: string }
  | { kind: 'flush' | 'repeat' | 'done'; writer: number }
  | { kind: 'cut'; reader: number }
  | { kind: 'take-over' | 'kill-subscribers' | 'cancel' | 'expire' };

const writer = fc.nat(2);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('say'), writer, text: fc.string({ minLength: 1 }) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('flush'), writer }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('repeat'), writer }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'take-over' as const }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('cut'), reader: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'kill-subscribers' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'cancel' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('done'), writer }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'expire' as const }) },
) as fc.Arbitrary<Step>;

describe('whatever happens', () => {
  it('each reader gets one history: no gap, no repeat, in order, one terminal event, the last', async () => {
    await using d = LogHarness.single(server.url);
    const nodes: [FollowingNode, FollowingNode] = [d.node(), d.node()];
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const story = await Story.begin(d, nodes);
        for (const next of steps) await story.happens(next);
        await story.holds();
      }),
      { numRuns: 60 },
    );
  });
});

/** One job, all its writers, three readers, and their results. */
class Story {
  readonly #leases: { readonly token: string; readonly writer: AttemptWriter }[] = [];
  #readers: Reader[] = [];
  /** everything that was ever stored, once it begins to expire */
  #history: StoredEvent[] | null = null;

  private constructor(
    readonly d: LogHarness,
    readonly nodes: readonly [FollowingNode, FollowingNode],
    readonly id: JobRef,
  ) {}

  static async begin(d: LogHarness, nodes: readonly [FollowingNode, FollowingNode]): Promise<Story> {
    const ref = jobRef('default', newRequestId());
    const story = new Story(d, nodes, ref);
    const first = await Reader.attachBeforehand(nodes[0], ref, () => d.job({}, ref));
    await story.#takeOver();
    const others = await Promise.all([1, 2].map((i) => Reader.attach(story.#nodeOf(i), story.id)));
    story.#readers = [first, ...others];
    return story;
  }

  async happens(next: Step): Promise<void> {
    const { d, id } = this;
    // a writer that was fenced or cancelled rejects, as it should
    if (next.kind === 'say') say(this.#lease(next.writer).writer, next.text);
    else if (next.kind === 'flush') await Promise.allSettled([this.#lease(next.writer).writer.flush()]);
    else if (next.kind === 'done') await Promise.allSettled([this.#lease(next.writer).writer.done(DONE)]);
    else if (next.kind === 'repeat') await this.#repeat(next.writer);
    else if (next.kind === 'take-over') await this.#takeOver();
    else if (next.kind === 'cut') await this.#readers[next.reader]?.cut(this.#nodeOf(next.reader + 1));
    else if (next.kind === 'kill-subscribers') await d.redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    else if (next.kind === 'expire') await this.#expire();
    else await d.canceller.cancel(id, 'owner');
  }

  /** Ends the job and compares what each reader has seen with what was stored. */
  async holds(): Promise<void> {
    await this.d.canceller.cancel(this.id, 'owner');
    const history = this.#history ?? (await this.d.log(this.id));
    expect(history.map((event) => event.id)).toEqual([...history.map((event) => event.id)].sort(compareEventIds));
    const ends = history.filter(({ type }) => isTerminal(type));
    expect(ends).toEqual(this.#history === null ? history.slice(-1) : ends.slice(0, 1));
    for (const reader of this.#readers) {
      if (this.#history === null) expect(await reader.whole()).toEqual(history);
      // a reader that is told of a loss starts again
      else for (const seen of reader.beginnings()) expect(seen).toEqual(history.slice(0, seen.length));
    }
  }

  /** Sends the same append again, as ioredis does when the reply was lost. */
  async #repeat(index: number): Promise<void> {
    const { d, id } = this;
    const { writer, token } = this.#lease(index);
    await Promise.allSettled([writer.flush()]);
    const last = (await d.log(id)).findLast((event) => eventPosition(event.id).attempt === writer.attempt);
    if (last === undefined) return;
    const { unfinishedRetentionMs, maxEvents, maxBytes } = d.limits;
    const args = ['PUBLISH', unfinishedRetentionMs, writer.attempt, token, eventPosition(last.id).seq];
    await scriptsOf(d.redis)('append', d.keys.ofJob(id), [...args, maxEvents, maxBytes, last.type, last.data]);
  }

  async #takeOver(): Promise<void> {
    const token = newRequestId();
    const begun = await this.d.starter.begin(this.id, token);
    if (begun.kind === 'begun') this.#leases.push({ token, writer: begun.writer });
  }

  /** Log and record of an unfinished job expire together, a finished job's log first. */
  async #expire(): Promise<void> {
    const { d, id } = this;
    await Promise.allSettled(this.#leases.map(({ writer }) => writer.flush()));
    const head = await d.reader.head(id);
    this.#history ??= await d.log(id);
    await d.redis.pexpire(d.keys.log(id), 0);
    if (head?.finished !== true || !head.logExists) await d.redis.pexpire(d.keys.record(id), 0);
  }

  #lease(index: number) {
    const lease = this.#leases[index % this.#leases.length];
    if (lease === undefined) throw new Error('a story begins with a lease');
    return lease;
  }

  #nodeOf(reader: number): FollowingNode {
    return this.nodes[reader % 2 === 0 ? 0 : 1];
  }
}

/** Follows with cuts: each time from the last event it has. */
class Reader {
  readonly #events: StoredEvent[] = [];
  #recorder: Recorder | null;

  private constructor(
    recorder: Recorder,
    readonly id: JobRef,
  ) {
    this.#recorder = recorder;
  }

  static async attach(node: FollowingNode, id: JobRef): Promise<Reader> {
    return new Reader(await Recorder.follow(node, id), id);
  }

  /** Has a place before the job is stored. */
  static async attachBeforehand(node: FollowingNode, id: JobRef, store: () => Promise<unknown>): Promise<Reader> {
    using place = node.expect(id);
    await place.confirmed;
    await store();
    const recorder = new Recorder();
    recorder.subscription = place.follow(recorder);
    return new Reader(recorder, id);
  }

  /** Continues from the same place on another node, unless there is nothing left to read. */
  async cut(next: FollowingNode): Promise<void> {
    this.#recorder?.subscription?.close();
    this.#events.push(...(this.#recorder?.events ?? []));
    const after: EventId = this.#events.at(-1)?.id ?? LOG_START;
    this.#recorder = await Recorder.follow(next, this.id, after).catch((error: unknown) => {
      if (error instanceof LogExpired || error instanceof JobNotFound) return null;
      throw error;
    });
  }

  async whole(): Promise<StoredEvent[]> {
    if (this.#recorder?.subscription?.alreadyEnded === false) await this.#recorder.terminal();
    return this.#seen();
  }

  /** What it has seen so far, split at each new start; events that the server makes up are left out. */
  beginnings(): StoredEvent[][] {
    const beginnings: StoredEvent[][] = [[]];
    for (const event of this.#seen()) {
      if (event.id !== LOG_START) beginnings.at(-1)?.push(event);
      else if (event.type === 'reset') beginnings.push([]);
    }
    return beginnings;
  }

  #seen(): StoredEvent[] {
    return [...this.#events, ...(this.#recorder?.events ?? [])];
  }
}
