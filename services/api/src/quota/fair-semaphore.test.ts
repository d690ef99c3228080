import { describe, expect, it } from '@jest/globals';
import { type Deferred, deferred } from '@millrace/testing';
import { FairSemaphore } from './fair-semaphore.ts';

/** Tasks that record when they begin, and end on command. */
function tasks(semaphore: FairSemaphore) {
  const begun: string[] = [];
  const ends = new Map<string, Deferred<void>>();
  const run = (tenant: string, name: string) => {
    const end = deferred<void>();
    ends.set(name, end);
    return semaphore.withPermit(tenant, async () => {
      begun.push(name);
      await end.promise;
      return name;
    });
  };
  return { begun, run, end: (name: string) => ends.get(name)?.resolve() };
}

describe('permits', () => {
  it('go to one tenant after the other, and within a tenant to the first that asked', async () => {
    const { begun, run, end } = tasks(new FairSemaphore(1));
    const all = ['a1', 'a2', 'a3', 'b1', 'b2', 'c1'].map((name) => run(name[0] ?? '', name));
    for (const name of ['a1', 'a2', 'b1', 'c1', 'a3', 'b2']) {
      expect(begun.at(-1)).toBe(name);
      end(name);
      await all[['a1', 'a2', 'a3', 'b1', 'b2', 'c1'].indexOf(name)];
      await Promise.resolve();
    }
    expect(begun).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2']);
  });

  it('are never more than the semaphore has', async () => {
    const { begun, run, end } = tasks(new FairSemaphore(2));
    const all = ['a1', 'a2', 'a3'].map((name) => run('a', name));
    expect(begun).toEqual(['a1', 'a2']);
    end('a2');
    await all[1];
    expect(begun).toEqual(['a1', 'a2', 'a3']);
    for (const name of ['a1', 'a3']) end(name);
    await Promise.all(all);
  });

  it('are passed on by a task that fails', async () => {
    const semaphore = new FairSemaphore(1);
    const failing = semaphore.withPermit('a', () => Promise.reject(new Error('Redis is away')));
    const next = semaphore.withPermit('a', () => Promise.resolve('next'));
    await expect(failing).rejects.toThrow('Redis is away');
    expect(await next).toBe('next');
    expect(await semaphore.withPermit('b', () => Promise.resolve('free again'))).toBe('free again');
  });
});
