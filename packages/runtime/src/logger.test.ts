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
        req: { headers: { authorization: 'Bearer hidden' } },
        body: { messages: [{ content: 'hidden' }], metadata: { a: 'hidden' } },
        child: { apiKey: 'hidden', password: 'hidden' },
      }),
    );
    expect(line).not.toContain('hidden');
    expect(line).toContain('[redacted]');
  });

  it('logs of an error its type, code, message and stack, never what else it carries', () => {
    const error = Object.assign(new Error('failed', { cause: new Error('at redis://me:hidden@host') }), {
      code: 'E1',
      command: { args: ['hidden'] },
    });
    const line = logged((logger) => logger.error({ err: error }, 'oops'));
    expect(JSON.parse(line).err).toMatchObject({ type: 'Error', code: 'E1', message: 'failed' });
    expect(line).not.toContain('hidden');
  });

  it('cuts the credentials out of every URL', () => {
    const line = logged((logger) =>
      logger.info({ url: 'redis+cluster://me:hid/den@a:1,b:2' }, 'at redis://:hidden@host/0'),
    );
    expect(line).not.toContain('hidden');
    expect(line).toContain('redis://[redacted]@host/0');
  });
});
