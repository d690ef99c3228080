import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { loadSettings } from './load-settings.ts';
import { redisSettings } from './own-settings.ts';
import { parseRedisUrls, redisUrlsOf, shardsInUseExist } from './redis-urls.ts';

const A = 'redis://one';
const B = 'redis://two:6380/1';
const C = 'redis+sentinel://three:26379/main';

describe('REDIS_URLS', () => {
  it.each([
    [A, [A], [1]],
    [`${A} ${B}`, [A, B], [2]],
    [`  ${A}\n${B}\t${C} `, [A, B, C], [3]],
    [`${A} | ${B}`, [A, B], [1, 2]],
    [`${A} ${B}|${C}`, [A, B, C], [2, 3]],
  ])('of %j', (text, urls, generations) => {
    expect(parseRedisUrls(text)).toEqual({ ok: true, urls, generations });
  });

  it.each([
    ['', 'has no URL'],
    [`${A} |`, 'has no URL before or after a "|"'],
    [`| ${A}`, 'has no URL before or after a "|"'],
    [`${A} http://two`, 'has a URL, number 2, that must look like redis://'],
    [`${A} ${B} ${A}`, 'names one URL twice'],
  ])('refuses %j', (text, problem) => {
    expect(parseRedisUrls(text)).toMatchObject({ ok: false, problem: expect.stringContaining(problem) });
  });

  it('comes before REDIS_URL, which is the only shard without it', () => {
    expect(redisUrlsOf({ REDIS_URL: A })).toMatchObject({ urls: [A], generations: [1] });
    expect(redisUrlsOf({ REDIS_URL: A, REDIS_URLS: `${B} | ${C}` })).toMatchObject({
      urls: [B, C],
      generations: [1, 2],
    });
  });

  it('has the shards that are in use, and its problems tell no password', () => {
    const schema = z.object(redisSettings).check(shardsInUseExist);
    const load = (env: Record<string, string>) => () => loadSettings(schema, env);
    expect(load({ REDIS_URLS: `${A} ${B}`, MILLRACE_SHARDS_IN_USE: '2' })).not.toThrow();
    expect(load({ REDIS_URLS: `${A} ${B}`, MILLRACE_SHARDS_IN_USE: '3' })).toThrow('MILLRACE_SHARDS_IN_USE');
    expect(load({ MILLRACE_SHARDS_IN_USE: '2' })).toThrow('MILLRACE_SHARDS_IN_USE');
    expect(load({ REDIS_URLS: 'redis://:hunter2@one:x' })).toThrow('REDIS_URLS');
    expect(load({ REDIS_URLS: 'redis://:hunter2@one:x' })).not.toThrow('hunter2');
  });
});
