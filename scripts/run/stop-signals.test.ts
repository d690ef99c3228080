import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import { inProject } from '../setup/project.mjs';

describe('stopSignals', () => {
  let child: ChildProcess | undefined;
  afterEach(() => {
    child?.kill('SIGKILL');
  });

  /** Runs code below a parent that is connected to it, as the script on the pinned Node is. */
  function run(code: string): ChildProcess {
    const whole = `import { stopSignals } from ${JSON.stringify(inProject('scripts/run/stop-signals.mjs'))}; ${code}`;
    const { npm_lifecycle_event: _, ...env } = process.env;
    child = spawn(process.execPath, ['--input-type=module', '--eval', whole], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      env,
    });
    return child;
  }

  it('lets the process end when its work is done', async () => {
    expect(await once(run('stopSignals();'), 'exit')).toEqual([0, null]);
  });

  it('asks to stop when the parent is gone', async () => {
    const running = run(`
      const work = setInterval(() => {}, 60_000);
      stopSignals().first.then(() => clearInterval(work));
      console.log('ready');`);
    if (running.stdout !== null) await once(running.stdout, 'data');
    const exited = once(running, 'exit');
    running.disconnect();
    expect(await exited).toEqual([0, null]);
  });
});
