import { fileURLToPath } from 'node:url';
import { describe, expect, it, jest } from '@jest/globals';
import { Child } from '../process/child-process.ts';
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

  it('returns no port that another process was given and does not listen on yet', async () => {
    const module = fileURLToPath(new URL('free-port.ts', import.meta.url));
    const script = `import { freePort } from ${JSON.stringify(module)}; console.log(await freePort()); setInterval(() => {}, 1_000);`;
    await using other = await Child.start({
      command: process.execPath,
      args: ['--input-type=module', '--eval', script],
      env: { PATH: process.env['PATH'] },
    });
    const theirs = Number(await other.line((line) => /^\d+$/.test(line)));
    const random = jest.spyOn(Math, 'random').mockReturnValue((theirs - 15_000) / 17_000);
    jest.resetModules();
    const { freePort: startingThere } = await import('./free-port.ts');
    random.mockRestore();
    expect(await startingThere()).not.toBe(theirs);
  });
});
