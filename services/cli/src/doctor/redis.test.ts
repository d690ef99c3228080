import { describe, expect, it } from '@jest/globals';
import { examineRedis, redisUrls } from './redis.ts';

describe('the Redis of a doctor', () => {
  it('is each of those that a setting names', () => {
    expect(redisUrls(' redis://a redis://b | redis://c')).toEqual(['redis://a', 'redis://b', 'redis://c']);
    expect(redisUrls(['redis://a|redis://b', 'redis://c'])).toEqual(['redis://a', 'redis://b', 'redis://c']);
  });

  it('is a fault where it has no URL, such as two with a comma, and which one is said', async () => {
    const findings = await examineRedis(['redis://127.0.0.1:1', 'redis://a:6379,redis://:secret@b:6379'], 'millrace');
    expect(findings.map(({ about, verdict }) => `${about} ${verdict}`)).toEqual(['redis 0 fault', 'redis 1 fault']);
    expect(findings[1]).toMatchObject({ says: 'it has no valid URL', remedy: expect.stringContaining('blanks') });
    expect(JSON.stringify(findings)).not.toContain('secret');
  });
});
