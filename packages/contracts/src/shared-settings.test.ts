import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import {
  archiveSettings,
  keySettings,
  logLimits,
  MAX_TIMER_MS,
  milliseconds,
  recordOutlivesLog,
  streamLogSettings,
  thawLimits,
} from './shared-settings.ts';

const archiving = z.object({ ...streamLogSettings, ...archiveSettings });
const schema = z.object({ ...keySettings, ...streamLogSettings }).check(recordOutlivesLog);

describe('the shared settings', () => {
  it('become the limits of a log, in milliseconds', () => {
    expect(logLimits(schema.parse({}))).toEqual({
      recordRetentionMs: 86_400_000,
      logRetentionMs: 86_400_000,
      unfinishedRetentionMs: 604_800_000,
      maxEvents: 100_000,
      maxBytes: 8 * 1024 * 1024,
      maxAttempts: 10,
    });
  });

  it('keep what is not in the archive for as long as an unfinished job, and what is for as long as a log', () => {
    const settings = { MILLRACE_ARCHIVE: 'file:///a', MILLRACE_LOG_RETENTION_SECONDS: '60' };
    expect(logLimits(archiving.parse(settings))).toMatchObject({
      ...{ recordRetentionMs: 604_800_000, logRetentionMs: 604_800_000, archivedRetentionMs: 60_000 },
    });
  });

  it.each(['postgres://u:p@h/d', 'postgresql://h/d', 's3://bucket', 's3://b/p?region=r', 'file:///a/folder'])(
    'take an archive in %s',
    (url) => {
      expect(archiving.safeParse({ MILLRACE_ARCHIVE: url }).success).toBe(true);
    },
  );

  it.each(['redis://h', 's3://', 's3:///prefix', 'file://a/folder', '/a/folder', 'postgres://'])(
    'take no archive in %s',
    (url) => {
      expect(archiving.safeParse({ MILLRACE_ARCHIVE: url }).success).toBe(false);
    },
  );

  it('let one tenant read the largest job again, whatever the bounds', () => {
    expect(thawLimits(archiving.parse({}))).toEqual({ maxBytes: 268_435_456, maxBytesOfTenant: 67_108_864 });
    const small = { MILLRACE_ARCHIVE_THAWED_BYTES: '1048576', MILLRACE_MAX_LOG_BYTES: '1048576' };
    expect(thawLimits(archiving.parse(small))).toEqual({ maxBytes: 2_097_152, maxBytesOfTenant: 2_097_152 });
  });

  it('refuse a record that expires before its log, even when other variables are bad', () => {
    const { error } = schema.safeParse({ MILLRACE_RECORD_RETENTION_SECONDS: '60', MILLRACE_KEY_PREFIX: '{x}' });
    expect(error?.issues.map(({ path }) => path[0]).toSorted()).toEqual([
      'MILLRACE_KEY_PREFIX',
      'MILLRACE_RECORD_RETENTION_SECONDS',
    ]);
  });

  it('keep a log for as long as wanted beside an archive, where a record has no time of its own', () => {
    const long = { MILLRACE_LOG_RETENTION_SECONDS: '172800' };
    const beside = archiving.check(recordOutlivesLog);
    expect(beside.safeParse(long).success).toBe(false);
    expect(beside.safeParse({ ...long, MILLRACE_ARCHIVE: 'file:///a' }).success).toBe(true);
  });

  it('refuse a time that a timer cannot wait', () => {
    expect(milliseconds(1).safeParse(MAX_TIMER_MS).success).toBe(true);
    expect(milliseconds(1).safeParse(MAX_TIMER_MS + 1).success).toBe(false);
  });
});
