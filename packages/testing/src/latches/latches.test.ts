import { describe, expect, it } from '@jest/globals';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';

describe('eventually', () => {
  it('tries until the condition holds, through errors, and returns its value', async () => {
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

  it('throws what the last try threw when time runs out', async () => {
    const condition = () => Promise.reject(new Error('still refused'));
    await expect(eventually(condition, { timeoutMs: 5, everyMs: 1 })).rejects.toThrow('still refused');
  });
});

describe('freePort', () => {
  it('returns a port that a server can listen on, and that no outgoing connection takes meanwhile', async () => {
    const ports = await Promise.all(Array.from({ length: 20 }, freePort));
    expect(new Set(ports).size).toBe(20);
    for (const port of ports) expect([port > 1_023, port < 32_768]).toEqual([true, true]);
  });
});
