import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { compareEventIds, type EventId, isTerminal, LOG_START, newRequestId } from '@millrace/contracts';
import { startRedis, type TestRedis } from '@millrace/testing';
import fc from 'fast-check';
import type { AttemptWriter } from './attempt-writer.ts';
import { Deployment, DONE, Recorder, say } from './testing/deployment.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
}, 60_000);
afterAll(() => server.stop());

type Step =
  | { kind: 'say'; writer: number; text: string }
  | { kind: 'flush'; writer: number }
  | { kind: 'take-over' }
  | { kind: 'cut'; reader: number }
  | { kind: 'kill-subscribers' }
  | { kind: 'cancel' }
  | { kind: 'done'; writer: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constant('say'), writer: fc.nat(2), text: fc.string({ minLength: 1 }) }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('flush'), writer: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'take-over' as const }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('cut'), reader: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'kill-subscribers' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'cancel' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('done'), writer: fc.nat(2) }) },
) as fc.Arbitrary<Step>;

describe('whatever happens', () => {
  it('each reader gets one history: no gap, no repeat, in order, one terminal event, the last', async () => {
    await using d = Deployment.single(server.url);
    const nodes = [d.node(), d.node()] as const;
    const admin = d.connection();

    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const id = await d.job({}, newRequestId());
        const writers: AttemptWriter[] = [await d.begin(id)];
        const readers = await Promise.all([0, 1, 2].map((i) => Reader.attach(nodes[i % 2 === 0 ? 0 : 1], id)));
        const pick = (index: number) => writers[index % writers.length] as AttemptWriter;

        for (const next of steps) {
          if (next.kind === 'say') say(pick(next.writer), next.text);
          // a writer that was fenced or cancelled rejects: that is part of the game
          else if (next.kind === 'flush')
            await pick(next.writer)
              .flush()
              .catch(() => undefined);
          else if (next.kind === 'done')
            await pick(next.writer)
              .done(DONE)
              .catch(() => undefined);
          else if (next.kind === 'take-over') {
            const begun = await d.starter.begin(id, newRequestId());
            if (begun.kind === 'begun') writers.push(begun.writer);
          } else if (next.kind === 'cut') await readers[next.reader]?.cut(nodes[next.reader % 2 === 0 ? 1 : 0]);
          else if (next.kind === 'kill-subscribers') await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
          else await d.canceller.cancel(id, { by: 'owner', tenant: null });
        }
        await d.canceller.cancel(id, { by: 'owner', tenant: null });

        const log = await d.log(id);
        expect(log.map((event) => event.id)).toEqual([...log.map((event) => event.id)].sort(compareEventIds));
        expect(log.filter(({ type }) => isTerminal(type))).toEqual(log.slice(-1));
        for (const reader of readers) expect(await reader.whole()).toEqual(log);
      }),
      { numRuns: 40 },
    );
  }, 120_000);
});

/** Follows with cuts: each time from the last event it has. */
class Reader {
  readonly #events: Recorder['events'] = [];
  #recorder: Recorder;

  private constructor(
    recorder: Recorder,
    readonly id: string,
  ) {
    this.#recorder = recorder;
  }

  static async attach(node: Parameters<typeof Recorder.follow>[0], id: string): Promise<Reader> {
    return new Reader(await Recorder.follow(node, id), id);
  }

  async cut(next: Parameters<typeof Recorder.follow>[0]): Promise<void> {
    this.#recorder.following?.close();
    this.#events.push(...this.#recorder.events);
    const after: EventId = this.#events.at(-1)?.id ?? LOG_START;
    this.#recorder = await Recorder.follow(next, this.id, after);
  }

  async whole(): Promise<Recorder['events']> {
    if (this.#recorder.following?.alreadyEnded !== true) await this.#recorder.terminal();
    return [...this.#events, ...this.#recorder.events];
  }
}
