import { describe, expect, it } from '@jest/globals';
import { Semaphore } from './semaphore.ts';

describe('a semaphore', () => {
  it('runs as many tasks at a time as it has permits, in the order of arrival', async () => {
    const semaphore = new Semaphore(2);
    const started: number[] = [];
    const held = Array.from({ length: 5 }, () => Promise.withResolvers<number>());
    const results = held.map(({ promise }, place) =>
      semaphore.withPermit(() => {
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

  it('hands the permit of a failed task to the next', async () => {
    const semaphore = new Semaphore(1);
    const failed = semaphore.withPermit(() => Promise.reject(new Error('no')));
    const next = semaphore.withPermit(() => Promise.resolve('next'));
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe('next');
    expect(await semaphore.withPermit(() => Promise.resolve('free again'))).toBe('free again');
  });
});
