import { describe, expect, it } from '@jest/globals';
import { parseRedisUrl } from './redis-url.ts';

describe('parseRedisUrl', () => {
  it.each([
    ['redis://localhost', { mode: 'single', nodes: [{ host: 'localhost', port: 6379 }], db: 0, tls: false }],
    ['redis://me:p%40ss@redis:7000/3', { username: 'me', password: 'p@ss', db: 3 }],
    [
      'rediss://:secret@[::1]:6380',
      { tls: true, username: undefined, password: 'secret', nodes: [{ host: '::1', port: 6380 }] },
    ],
    [
      'redis+sentinel://:pw@a:26379,b/main/2',
      {
        mode: 'sentinel',
        masterName: 'main',
        db: 2,
        nodes: [
          { host: 'a', port: 26379 },
          { host: 'b', port: 26379 },
        ],
      },
    ],
    [
      'rediss+cluster://a:7000,b:7001',
      {
        mode: 'cluster',
        tls: true,
        nodes: [
          { host: 'a', port: 7000 },
          { host: 'b', port: 7001 },
        ],
      },
    ],
  ])('reads %s', (url, address) => {
    expect(parseRedisUrl(url)).toMatchObject({ ok: true, address });
  });

  it.each([
    ['http://localhost', /must look like/],
    ['localhost:6379', /must look like/],
    ['redis://', /has a host/],
    ['redis://a:0', /has a host/],
    ['redis://a,b', /several hosts/],
    ['redis://a/x', /database/],
    ['redis://%zz@a', /percent-encoded/],
    ['redis+sentinel://a:26379', /master’s name/],
    ['redis+cluster://a/1', /only one/],
  ])('refuses %s', (url, problem) => {
    const parsed = parseRedisUrl(url);
    expect(parsed).toEqual({ ok: false, problem: expect.stringMatching(problem) });
  });
});
