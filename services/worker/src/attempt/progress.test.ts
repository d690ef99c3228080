import { describe, expect, it } from '@jest/globals';
import { Progress } from './progress.ts';

/** Takes events as an attempt does, and records them. */
async function take(progress: Progress, events: AsyncIterator<number>, taken: number[], room: Promise<void>[] = []) {
  for (;;) {
    progress.waiting();
    const { done, value } = await events.next();
    progress.taken();
    if (done) break;
    taken.push(value);
    await room.shift();
  }
  progress.end();
}

/** A queue of a pipeline, with some generators between it and the attempt. */
function pipeline(depth: number) {
  const queue: number[] = [];
  let wake = Promise.withResolvers<void>();
  async function* source() {
    for (;;) {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) yield next;
      await wake.promise;
      wake = Promise.withResolvers();
    }
  }
  let events: AsyncGenerator<number> = source();
  for (let layer = 0; layer < depth; layer += 1) {
    const inner = events;
    events = (async function* () {
      for await (const event of inner) yield event;
    })();
  }
  const push = (...numbers: number[]) => {
    queue.push(...numbers);
    wake.resolve();
  };
  return { events, push };
}

describe('the progress of an attempt', () => {
  it.each([0, 1, 40])('is settled when all has come that was on its way through %d generators', async (depth) => {
    const progress = new Progress();
    const taken: number[] = [];
    const { events, push } = pipeline(depth);
    void take(progress, events, taken);
    const { signal } = new AbortController();
    for (let round = 1; round <= 5; round += 1) {
      push(...Array.from({ length: 100 }, (_, at) => at));
      await progress.settled(signal);
      expect(taken).toHaveLength(round * 100);
    }
  });

  it('is not settled while the attempt waits for Redis', async () => {
    const progress = new Progress();
    const taken: number[] = [];
    const { events, push } = pipeline(1);
    const room = Promise.withResolvers<void>();
    void take(progress, events, taken, [room.promise]);
    push(1, 2);
    let isSettled = false;
    const settled = progress.settled(new AbortController().signal).then(() => {
      isSettled = true;
    });
    for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
    expect([taken, isSettled]).toEqual([[1], false]);
    room.resolve();
    await settled;
    expect(taken).toEqual([1, 2]);
  });

  it('ends with its attempt', async () => {
    const progress = new Progress();
    const abort = new AbortController();
    const settled = progress.settled(abort.signal);
    abort.abort(new Error('fenced'));
    progress.end();
    await expect(settled).rejects.toThrow('fenced');
    await expect(progress.settled(new AbortController().signal)).rejects.toThrow('ended');
  });
});
