import { describe, expect, it } from '@jest/globals';
import { Child } from '@millrace/testing';

const CRASH = new URL('./crash.ts', import.meta.url).href;
const LOGGER = new URL('./log/logger.ts', import.meta.url).href;

/** A process that does this and logs its crashes. */
function run(body: string): Promise<Child> {
  const script = `
    import { logCrashes, outliveRejections } from ${JSON.stringify(CRASH)};
    import { createLogger } from ${JSON.stringify(LOGGER)};
    const logger = createLogger({ service: 'test', level: 'info' });
    logCrashes(logger);
    ${body}
    setInterval(() => {}, 1000);`;
  return Child.start({
    command: process.execPath,
    args: ['--experimental-transform-types', '--no-warnings', '--input-type=module', '-e', script],
    env: { PATH: process.env['PATH'] },
  });
}

describe('a process that crashes', () => {
  it.each([
    ['an error that nobody catches', `setImmediate(() => { throw new TypeError('hush\\nhush'); })`, 'TypeError'],
    ['a rejection that nobody handles', `Promise.reject(new RangeError('hush\\nhush'))`, 'RangeError'],
    ['a rejection with a text', `Promise.reject('hush\\nhush')`, 'UnhandledPromiseRejection'],
  ])('logs %s without a word of its message, and ends with 1', async (_, body, type) => {
    await using child = await run(body);
    expect(await child.exited).toEqual({ code: 1, signal: null });
    expect(child.lines).toHaveLength(1);
    expect(JSON.parse(String(child.lines[0]))).toMatchObject({ level: 'fatal', msg: 'crashed', err: { type } });
    expect(child.lines.join()).not.toContain('hush');
  });
});

describe('a process that runs code of others', () => {
  it('logs a rejection that nobody handles without a word of its message, and lives on', async () => {
    await using child = await run(`
      outliveRejections(logger);
      Promise.reject(new RangeError('hush'));
      setTimeout(() => logger.info('lives'), 50);`);
    await child.line((line) => line.includes('lives'));
    expect(JSON.parse(String(child.lines[0]))).toMatchObject({ level: 'error', err: { type: 'RangeError' } });
    expect(child.lines.join()).not.toContain('hush');
  });
});
