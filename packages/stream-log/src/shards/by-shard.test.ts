import { describe, expect, it } from '@jest/globals';
import { byShard } from './by-shard.ts';

class Part {
  readonly #number: number;

  constructor(number: number) {
    this.#number = number;
  }

  async read(ref: string, more = ''): Promise<string> {
    return `${this.#number} has ${ref}${more}`;
  }

  async change({ ref }: { readonly ref: string }): Promise<string> {
    return `${this.#number} changed ${ref}`;
  }
}

describe('methods by shard', () => {
  it('go to the part that has the reference, with all that they are given', async () => {
    const parts = [new Part(0), new Part(1)];
    const joined = byShard(parts, (ref: string) => (ref === 'looked for' ? Promise.resolve(1) : 0), ['read', 'change']);
    expect(await joined.read('a', '!')).toBe('0 has a!');
    expect(await joined.read('looked for')).toBe('1 has looked for');
    expect(await joined.change({ ref: 'looked for' })).toBe('1 changed looked for');
  });

  it('fail as the look fails', async () => {
    const joined = byShard([new Part(0)], () => Promise.reject(new Error('away')), ['read']);
    await expect(joined.read('a')).rejects.toThrow('away');
  });
});
