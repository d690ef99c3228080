import { describe, expect, it } from '@jest/globals';
import { ReplyError } from 'ioredis';
import { outlineOf } from './error-outline.ts';

const PROMPT = ['hush 1', 'at hush (/hush.js:1:2)', '    at hush (/hush.js:1:2)', 'TypeError: hush', ''].join('\n');

class OwnError extends Error {}
class BadName extends Error {
  override readonly name = PROMPT;
}

const where = expect.arrayContaining([expect.stringMatching(/^at .*error-outline\.test\.ts.*:\d+:\d+\)?$/)]);

function changed(error: Error, fields: object): Error {
  return Object.assign(error, fields);
}

describe('the outline of an error', () => {
  it('says its class, its code and where it was thrown', () => {
    const error = changed(new TypeError(PROMPT), { code: 'ERR_INVALID_URL' });
    expect(outlineOf(error)).toEqual({ type: 'TypeError', code: 'ERR_INVALID_URL', at: where });
  });

  it.each(['28P01', '42P01', '3D000', 'ECONNRESET', 'UND_ERR_SOCKET'])('says the code %s', (code) => {
    expect(outlineOf(changed(new Error('x'), { code }))).toMatchObject({ code });
  });

  it.each<[string, unknown]>([
    ['its message', new Error(PROMPT)],
    ['its message, in a class of its own', new BadName(PROMPT)],
    ['its name', changed(new Error('x'), { name: PROMPT })],
    ['its code', changed(new Error('x'), { code: 'hush' })],
    ['its code, which is as long as one of PostgreSQL', changed(new Error('hush'), { code: 'hush1' })],
    ['a field', changed(new Error('x'), { input: PROMPT })],
    ['its message, which was cut after it was made', changed(new Error(PROMPT), { message: 'hush 1' })],
    ['its message, which was emptied after it was made', changed(new Error(PROMPT), { message: '' })],
    ['its message, which was changed after it was made', changed(new Error(PROMPT), { message: 'something else' })],
    ['its stack', changed(new Error('x'), { stack: PROMPT })],
    ['its stack, behind its message', changed(new Error('x'), { stack: `Error: x\n${PROMPT}` })],
    ['its cause', new Error('x', { cause: new Error(PROMPT) })],
    ['its cause, which is no error', new Error('x', { cause: PROMPT })],
    ['the errors that it collects', new AggregateError([new Error(PROMPT), PROMPT], PROMPT)],
    ['itself: it is a text', PROMPT],
    ['itself: it is an object', { message: PROMPT, name: PROMPT, stack: PROMPT }],
    ['what Redis quotes', new ReplyError(`ERR unknown command 'x', with args beginning with: '${PROMPT}'`)],
  ])('has no word of a prompt in %s', (_, error) => {
    expect(JSON.stringify(outlineOf(error, [OwnError]))).not.toContain('hush');
  });

  it('has the message of known classes and of Redis, cut to a line’s length', () => {
    expect(outlineOf(new OwnError('it broke'), [OwnError])).toMatchObject({ type: 'OwnError', message: 'it broke' });
    expect(outlineOf(new ReplyError('OOM command not allowed'))).toMatchObject({ message: 'OOM command not allowed' });
    expect(outlineOf(new OwnError('x'.repeat(50_000)), [OwnError]).message?.length).toBeLessThan(400);
  });

  it('follows causes and collected errors, but not for ever', () => {
    const error = new AggregateError([new RangeError('a')], 'x', { cause: new TypeError('b') });
    expect(outlineOf(error)).toMatchObject({ errors: [{ type: 'RangeError' }], cause: { type: 'TypeError' } });
    const circle: Error = new Error('x');
    circle.cause = new AggregateError(Array(100).fill(circle), 'x');
    expect(JSON.stringify(outlineOf(circle)).length).toBeLessThan(100_000);
  });

  it('survives an error that throws when it is looked at', () => {
    const get = () => {
      throw new Error(PROMPT);
    };
    const trap = Object.defineProperty(new Error('x'), 'message', { get });
    expect(outlineOf(trap)).toEqual({ type: 'unreadable' });
  });

  it.each(['a', '\n', ': ', '    at a (/a:1:2)\n', ':1:1'])('takes linear time for a megabyte of %j', (unit) => {
    const text = unit.repeat(1_000_000 / unit.length);
    const startedAt = performance.now();
    outlineOf(changed(new Error(text), { code: text, name: text }));
    outlineOf(changed(new Error(text), { message: `${text.slice(0, 500_000)}b` }));
    outlineOf(changed(new ReplyError(text), { stack: text }));
    // some milliseconds here; quadratic, it would be minutes
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});
