import { describe, expect, it } from '@jest/globals';
import { eventually } from '../latches/eventually.ts';
import { Child } from './child-process.ts';
import { untilOrEnded } from './until-or-ended.ts';

const node = (script: string) => ({ command: process.execPath, args: ['-e', script] });

describe('Child', () => {
  it('waits for a line, and ends on SIGTERM', async () => {
    await using child = await Child.start(node(`console.log('up'); setInterval(() => {}, 1000)`));
    expect(await child.line((line) => line === 'up')).toBe('up');
    expect(await child.stop()).toEqual({ code: null, signal: 'SIGTERM' });
  });

  it('quotes the output of a process that ended too early', async () => {
    await using child = await Child.start(node(`console.error('no such thing'); process.exit(3)`));
    await expect(child.line((line) => line === 'up')).rejects.toThrow('no such thing');
    expect(await child.exited).toEqual({ code: 3, signal: null });
  });

  it('stops the wait when the process ends before it is ready', async () => {
    await using child = await Child.start(node(`console.log('bad setting'); process.exit(1)`));
    await expect(untilOrEnded(child, async () => false)).rejects.toThrow('bad setting');
  });

  it('rejects when there is no such command', async () => {
    await expect(Child.start({ command: 'no-such-command', args: [] })).rejects.toThrow('ENOENT');
  });

  it('is gone when the process that started it is killed', async () => {
    const source = new URL('./child-process.ts', import.meta.url).href;
    const script = `const { Child } = await import(${JSON.stringify(source)});
      const child = await Child.start({ command: 'sleep', args: ['1000'] });
      console.log(child.pid)`;
    const args = ['--experimental-transform-types', '--no-warnings', '--input-type=module', '-e', script];
    await using parent = await Child.start({ command: process.execPath, args, env: { PATH: process.env['PATH'] } });
    const pid = Number(await parent.line((line) => /^\d+$/.test(line)));
    expect(isAlive(pid)).toBe(true);
    await parent.kill();
    await eventually(() => !isAlive(pid));
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // ESRCH
  }
}
