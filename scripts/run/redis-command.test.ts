import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { redisCommand } from './redis-command.mjs';

describe('the Redis that comes with Millrace', () => {
  const password = 'f00d';
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'millrace-redis-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('never makes room by forgetting a key (BullMQ: noeviction), whoever starts it', () => {
    const { args } = redisCommand({ kind: 'program', path: 'redis-server' }, { port: 6379, directory, password });
    expect(args.join(' ')).toContain('--maxmemory-policy noeviction');
    const container = redisCommand({ kind: 'container', image: 'redis' }, { port: 6379, directory, password });
    expect(container.args.join(' ')).toContain('--maxmemory-policy noeviction');
  });

  it.each<Parameters<typeof redisCommand>[0]>([
    { kind: 'program', path: 'redis-server' },
    { kind: 'container', image: 'redis' },
  ])('asks for a password that stands in a file of ours and in no argument ($kind)', (program) => {
    const file = path.join(directory, 'secrets.conf');
    writeFileSync(file, 'requirepass older');
    chmodSync(file, 0o644);
    const { args } = redisCommand(program, { port: 6379, directory, password });
    expect(args.join(' ')).not.toContain(password);
    expect(args.join(' ')).toMatch(/\/secrets\.conf/);
    expect(readFileSync(file, 'utf8')).toBe(`requirepass ${password}\n`);
    expect((statSync(file).mode & 0o777).toString(8)).toBe('600');
  });
});
