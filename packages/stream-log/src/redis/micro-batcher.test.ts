import { describe, expect, it } from '@jest/globals';
import { MicroBatcher } from './micro-batcher.ts';

describe('items that are added in one tick', () => {
  it('are handled together, with those that its promises add', async () => {
    const done: (readonly number[])[] = [];
    const batcher = new MicroBatcher<number>(async (items) => void done.push(items));
    const first = batcher.add(1);
    const later = Promise.resolve().then(() => batcher.add(2));
    await Promise.all([first, later]);
    await batcher.add(3);
    expect(done).toEqual([[1, 2], [3]]);
  });

  it('fail together, and nothing after them does', async () => {
    let fails = true;
    const batcher = new MicroBatcher<number>(async () => {
      if (fails) throw new Error('no');
    });
    const asked = [batcher.add(1), batcher.add(2)];
    expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    fails = false;
    await batcher.add(3);
  });

  it('are handled in batches when there are too many for one', async () => {
    const sizes: number[] = [];
    const batcher = new MicroBatcher<number>(async (items) => void sizes.push(items.length));
    await Promise.all(Array.from({ length: 1_201 }, (_, item) => batcher.add(item)));
    expect(sizes).toEqual([500, 500, 201]);
  });
});
