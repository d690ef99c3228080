import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import {
  keySettings,
  logLimits,
  MAX_TIMER_MS,
  milliseconds,
  recordOutlivesLog,
  streamLogSettings,
} from './shared-settings.ts';

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

  it('refuse a record that expires before its log, even when other variables are bad', () => {
    const { error } = schema.safeParse({ MILLRACE_RECORD_RETENTION_SECONDS: '60', MILLRACE_KEY_PREFIX: '{x}' });
    expect(error?.issues.map(({ path }) => path[0]).toSorted()).toEqual([
      'MILLRACE_KEY_PREFIX',
      'MILLRACE_RECORD_RETENTION_SECONDS',
    ]);
  });

  it('refuse a time that a timer cannot wait', () => {
    expect(milliseconds(1).safeParse(MAX_TIMER_MS).success).toBe(true);
    expect(milliseconds(1).safeParse(MAX_TIMER_MS + 1).success).toBe(false);
  });
});
