import { describe, expect, it } from '@jest/globals';
import { type Deferred, deferred } from '@millrace/testing';
import { FairTurns } from './semaphore.ts';

/** Tasks that note when they begin, and end when they are told. */
function tasks(turns: FairTurns) {
  const begun: string[] = [];
  const ends = new Map<string, Deferred<void>>();
  const run = (tenant: string, name: string) => {
    const end = deferred<void>();
    ends.set(name, end);
    return turns.take(tenant, async () => {
      begun.push(name);
      await end.promise;
      return name;
    });
  };
  return { begun, run, end: (name: string) => ends.get(name)?.resolve() };
}

describe('turns of several tenants', () => {
  it('go to one tenant after the other, and within one to who came first', async () => {
    const { begun, run, end } = tasks(new FairTurns(1));
    const all = ['a1', 'a2', 'a3', 'b1', 'b2', 'c1'].map((name) => run(name[0] ?? '', name));
    for (const name of ['a1', 'a2', 'b1', 'c1', 'a3', 'b2']) {
      expect(begun.at(-1)).toBe(name);
      end(name);
      await all[['a1', 'a2', 'a3', 'b1', 'b2', 'c1'].indexOf(name)];
      await Promise.resolve();
    }
    expect(begun).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2']);
  });

  it('are as many at a time as there may be', async () => {
    const { begun, run, end } = tasks(new FairTurns(2));
    const all = ['a1', 'a2', 'a3'].map((name) => run('a', name));
    expect(begun).toEqual(['a1', 'a2']);
    end('a2');
    await all[1];
    expect(begun).toEqual(['a1', 'a2', 'a3']);
    for (const name of ['a1', 'a3']) end(name);
    await Promise.all(all);
  });

  it('are handed on by a task that fails', async () => {
    const turns = new FairTurns(1);
    const failing = turns.take('a', () => Promise.reject(new Error('Redis is away')));
    const next = turns.take('a', () => Promise.resolve('next'));
    await expect(failing).rejects.toThrow('Redis is away');
    expect(await next).toBe('next');
    expect(await turns.take('b', () => Promise.resolve('free again'))).toBe('free again');
  });
});
