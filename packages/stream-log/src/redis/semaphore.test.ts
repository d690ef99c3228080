import { describe, expect, it } from '@jest/globals';
import { Turns } from './semaphore.ts';

describe('turns', () => {
  it('runs as many at a time as it may, in the order of arrival', async () => {
    const turns = new Turns(2);
    const started: number[] = [];
    const held = Array.from({ length: 5 }, () => Promise.withResolvers<number>());
    const results = held.map(({ promise }, place) =>
      turns.take(() => {
        started.push(place);
        return promise;
      }),
    );
    expect(started).toEqual([0, 1]);
    for (const [place, { resolve }] of held.entries()) {
      resolve(place);
      await results[place];
      expect(started.length).toBeLessThanOrEqual(place + 3);
    }
    expect(started).toEqual([0, 1, 2, 3, 4]);
    expect(await Promise.all(results)).toEqual([0, 1, 2, 3, 4]);
  });

  it('gives the turn of a task that failed to the next', async () => {
    const turns = new Turns(1);
    const failed = turns.take(() => Promise.reject(new Error('no')));
    const next = turns.take(() => Promise.resolve('next'));
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe('next');
    expect(await turns.take(() => Promise.resolve('free again'))).toBe('free again');
  });
});
