import { describe, expect, it } from '@jest/globals';
import { MicroBatcher } from './micro-batcher.ts';

describe('what is asked for in one turn', () => {
  it('is done in one go, also what the promises of the turn ask for', async () => {
    const done: (readonly number[])[] = [];
    const gathered = new MicroBatcher<number>(async (items) => void done.push(items));
    const first = gathered.add(1);
    const later = Promise.resolve().then(() => gathered.add(2));
    await Promise.all([first, later]);
    await gathered.add(3);
    expect(done).toEqual([[1, 2], [3]]);
  });

  it('fails for all that asked, and for nobody after them', async () => {
    let fails = true;
    const gathered = new MicroBatcher<number>(async () => {
      if (fails) throw new Error('no');
    });
    const asked = [gathered.add(1), gathered.add(2)];
    expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    fails = false;
    await gathered.add(3);
  });

  it('is done in parts where it is too much for one', async () => {
    const sizes: number[] = [];
    const gathered = new MicroBatcher<number>(async (items) => void sizes.push(items.length));
    await Promise.all(Array.from({ length: 1_201 }, (_, item) => gathered.add(item)));
    expect(sizes).toEqual([500, 500, 201]);
  });
});
