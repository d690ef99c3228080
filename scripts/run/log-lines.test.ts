import { describe, expect, it } from '@jest/globals';
import { readableWarning, wholeLine } from './log-lines.mjs';

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

  it('lets nothing that a model has said steer the terminal', () => {
    const unruly = 'no\u001b[2J \u009b2Jroute\u202e\r\n';
    const line = JSON.stringify({ level: 'warn', msg: 'model failed', err: { message: unruly } });
    expect(readableWarning(line)).toBe('warn model failed (no route)');
    const whole = wholeLine(JSON.stringify({ level: 'info', msg: unruly }));
    expect(whole).not.toMatch(/[\u007f-\u009f\u202e]/);
    expect(wholeLine('\u001b[31mof an agent\u001b[39m')).toBe('\u001b[31mof an agent\u001b[39m');
  });

  it('shows what came from below the logger as it is', () => {
    expect(readableWarning('Error: Cannot find module')).toBe('Error: Cannot find module');
  });
});
