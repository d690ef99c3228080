import { describe, expect, it } from '@jest/globals';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';

describe('eventually', () => {
  it('tries until the condition holds, through errors, and returns what it gave', async () => {
    let tries = 0;
    const value = await eventually(
      () => {
        tries += 1;
        if (tries === 1) throw new Error('not yet');
        return tries === 3 ? 'held' : null;
      },
      { everyMs: 1 },
    );
    expect([value, tries]).toEqual(['held', 3]);
  });

  it('throws what the last try threw when the time is up', async () => {
    const condition = () => Promise.reject(new Error('still refused'));
    await expect(eventually(condition, { timeoutMs: 5, everyMs: 1 })).rejects.toThrow('still refused');
  });
});

describe('freePort', () => {
  it('gives a port that can be listened on', async () => {
    expect(await freePort()).toBeGreaterThan(1_023);
  });
});
