import { describe, expect, it } from '@jest/globals';
import { createLogger } from './logger.ts';

function logged(write: (logger: ReturnType<typeof createLogger>) => void): string {
  let out = '';
  write(
    createLogger({
      service: 'api',
      level: 'info',
      destination: {
        write: (line) => {
          out += line;
        },
      },
    }),
  );
  return out;
}

describe('createLogger', () => {
  it('writes one JSON line with service, pid, level and ISO time', () => {
    const entry = JSON.parse(logged((logger) => logger.info({ requestId: 'r1' }, 'accepted')));
    expect(entry).toMatchObject({ level: 'info', service: 'api', pid: process.pid, msg: 'accepted', requestId: 'r1' });
    expect(new Date(entry.time).toISOString()).toBe(entry.time);
  });

  it('logs nothing below its level', () => {
    expect(logged((logger) => logger.debug('quiet'))).toBe('');
  });

  it('redacts prompts and secrets, also inside other objects', () => {
    const line = logged((logger) =>
      logger.info({
        prompt: 'hidden',
        req: { headers: { authorization: 'Bearer hidden', 'x-api-key': 'hidden' } },
        body: { messages: [{ content: 'hidden' }], metadata: { a: 'hidden' } },
        child: { apiKey: 'hidden', password: 'hidden' },
      }),
    );
    expect(line).not.toContain('hidden');
    expect(line).toContain('[redacted]');
  });

  it('logs of an error its class, its code and where it was thrown, and no word of a prompt', () => {
    const error = Object.assign(new Error('hidden\nat hidden (/a.js:1:2)', { cause: new Error('hidden') }), {
      code: 'ECONNRESET',
      command: { args: ['hidden'] },
    });
    for (const line of [
      logged((logger) => logger.error({ err: error }, 'oops')),
      logged((logger) => logger.error({ error }, 'oops')),
      logged((logger) => logger.error({ err: 'hidden' }, 'oops')),
    ]) {
      expect(line).toContain('oops');
      expect(line).not.toContain('hidden');
    }
    const { err } = JSON.parse(logged((logger) => logger.error({ err: error }, 'oops')));
    expect(err).toMatchObject({ type: 'Error', code: 'ECONNRESET', at: expect.any(Array), cause: { type: 'Error' } });
  });

  it('writes 200 KB of whatever text in no time: others wait for the line', () => {
    const startedAt = performance.now();
    for (const unit of ['a', 'a://', 'line\n']) {
      const text = unit.repeat(200_000 / unit.length);
      logged((logger) => logger.error({ err: new Error(text), reason: text }, 'oops'));
    }
    // some milliseconds here; quadratic, it would be half a minute
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  it('cuts the credentials out of every URL', () => {
    const line = logged((logger) =>
      logger.info({ url: 'redis+cluster://me:hid/den@a:1,b:2' }, 'at redis://:hidden@host/0'),
    );
    expect(line).not.toContain('hidden');
    expect(line).toContain('redis://[redacted]@host/0');
  });
});
