import { describe, expect, it } from '@jest/globals';
import { readableWarning } from './log-lines.mjs';

describe('readableWarning', () => {
  it('keeps what is ordinary off the terminal', () => {
    expect(readableWarning('{"level":"info","msg":"accepted"}')).toBeNull();
    expect(readableWarning('')).toBeNull();
  });

  it('shows a warning with its request and its cause', () => {
    const line = JSON.stringify({ level: 'warn', msg: 'model failed', requestId: 'r1', err: { message: 'no route' } });
    expect(readableWarning(line)).toBe('warn model failed r1 (no route)');
    const crash = { level: 'fatal', msg: 'crashed', err: { type: 'TypeError', code: 'ERR_X' } };
    expect(readableWarning(JSON.stringify(crash))).toBe('fatal crashed (TypeError ERR_X)');
    const start = { level: 'fatal', msg: 'cannot start', reason: 'no such file', err: { type: 'Error' } };
    expect(readableWarning(JSON.stringify(start))).toBe('fatal cannot start (no such file, Error)');
  });

  it('shows what came from below the logger as it is', () => {
    expect(readableWarning('Error: Cannot find module')).toBe('Error: Cannot find module');
  });
});
