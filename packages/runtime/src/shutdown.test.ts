import { describe, expect, it } from '@jest/globals';
import { Child } from '@millrace/testing';

const SHUTDOWN = new URL('./shutdown.ts', import.meta.url).href;
const LOGGER = new URL('./log/logger.ts', import.meta.url).href;

/** A process that shuts down with these steps, `[name, body]`. */
async function start(steps: Record<string, string>, graceMs = 10_000): Promise<Child> {
  const list = Object.entries(steps).map(([name, body]) => `{ name: '${name}', run: async () => { ${body} } }`);
  const script = `
    import { setTimeout as delay } from 'node:timers/promises';
    import { onShutdown } from ${JSON.stringify(SHUTDOWN)};
    import { createLogger } from ${JSON.stringify(LOGGER)};
    onShutdown([${list.join(',')}], { graceMs: ${graceMs}, logger: createLogger({ service: 'test', level: 'info' }) });
    setInterval(() => {}, 1000);
    console.log('up');`;
  const child = await Child.start({
    command: process.execPath,
    args: ['--experimental-transform-types', '--no-warnings', '--input-type=module', '-e', script],
    env: { PATH: process.env['PATH'] },
  });
  await child.line((line) => line === 'up');
  return child;
}

describe('onShutdown', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('runs the steps in order on %s and ends with 0', async (signal) => {
    await using child = await start({ streams: `await delay(20); console.log('one')`, redis: `console.log('two')` });
    process.kill(child.pid, signal);
    expect(await child.exited).toEqual({ code: 0, signal: null });
    expect(child.lines.filter((line) => line === 'one' || line === 'two')).toEqual(['one', 'two']);
  });

  it('runs the steps after one that failed, says which, and ends with 1', async () => {
    await using child = await start({ queue: `throw new Error('stuck')`, redis: `console.log('two')` });
    expect(await child.stop()).toEqual({ code: 1, signal: null });
    expect(child.lines).toContain('two');
    expect(child.lines.join()).toContain('"step":"queue"');
  });

  it('ends with 1 when the steps take longer than they may', async () => {
    await using child = await start({ queue: 'await new Promise(() => {})' }, 50);
    expect(await child.stop()).toEqual({ code: 1, signal: null });
    expect(child.lines.join()).toContain('shutdown took too long');
  });

  it('ends at once on a second signal', async () => {
    await using child = await start({ queue: `console.log('waiting'); await new Promise(() => {})` });
    process.kill(child.pid, 'SIGTERM');
    await child.line((line) => line === 'waiting');
    process.kill(child.pid, 'SIGINT');
    expect(await child.exited).toEqual({ code: 130, signal: null });
  });
});
