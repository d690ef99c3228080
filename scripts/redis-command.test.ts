import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { redisCommand } from './redis-command.mjs';

describe('the Redis that comes with Millrace', () => {
  it('never makes room by forgetting a key (BullMQ: noeviction), whoever starts it', () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'millrace-redis-'));
    try {
      const { args } = redisCommand({ kind: 'program', path: 'redis-server' }, { port: 6379, directory });
      expect(args.join(' ')).toContain('--maxmemory-policy noeviction');
      const container = redisCommand({ kind: 'container', image: 'redis' }, { port: 6379, directory });
      expect(container.args.join(' ')).toContain('--maxmemory-policy noeviction');
    } finally {
      rmSync(directory, { recursive: true });
    }
    const compose = readFileSync(new URL('../docker-compose.yml', import.meta.url), 'utf8');
    expect(compose).toMatch(/--maxmemory-policy,\s+noeviction,/);
  });
});
