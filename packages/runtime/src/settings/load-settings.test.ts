import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { describeSettings } from './describe-settings.ts';
import { loadSettings } from './load-settings.ts';
import { logSettings, redisSettings } from './own-settings.ts';
import { SettingsError } from './settings-error.ts';

const schema = z
  .object({
    ...redisSettings,
    ...logSettings,
    MILLRACE_KEY_PREFIX: z
      .string()
      .regex(/^[a-z]+$/, 'must be letters')
      .default('millrace'),
    MILLRACE_MIN_SECONDS: z.coerce.number().int().min(1).max(1_000).default(10),
    MILLRACE_MAX_SECONDS: z.coerce.number().int().min(1).default(20),
    PORT: z.coerce.number().int().min(1).max(65_535).describe('Port to listen on'),
    OPENAI_API_KEY: z.string().startsWith('sk-').optional().describe('Key of the model provider'),
    MILLRACE_CHECKPOINTS: z
      .string()
      .regex(/^(redis|postgres:.+)$/)
      .default('redis'),
    MILLRACE_CHECKPOINTS_KEPT: z.coerce.number().int().default(100),
    MILLRACE_ORIGINS: z
      .string()
      .transform((list) => list.split(','))
      .default([]),
  })
  .check(
    z.refine(({ MILLRACE_MIN_SECONDS: least, MILLRACE_MAX_SECONDS: most }) => !(Number(most) < Number(least)), {
      path: ['MILLRACE_MAX_SECONDS'],
      message: 'must be at least MILLRACE_MIN_SECONDS',
      when: () => true,
    }),
  );

function failure(env: Record<string, string>): string {
  try {
    loadSettings(schema, env);
  } catch (error) {
    if (error instanceof SettingsError) return error.message;
    throw error;
  }
  throw new Error('the settings were accepted');
}

describe('loadSettings', () => {
  it('says why a rule over several variables needs one that is unset', () => {
    const needsKey = z
      .object({ A: z.string().optional() })
      .refine(() => false, { path: ['A'], message: 'set it, or B' });
    expect(() => loadSettings(needsKey, {})).toThrow('set it, or B');
  });

  it('takes defaults for what is unset, empty or blank', () => {
    const settings = loadSettings(schema, { PORT: ' 8080 ', REDIS_URL: '', MILLRACE_LOG_LEVEL: '  ' });
    expect(settings.PORT).toBe(8080);
    expect(settings.REDIS_URL).toBe('redis://127.0.0.1:6379');
    expect(settings.MILLRACE_LOG_LEVEL).toBe('info');
    expect(settings.MILLRACE_MIN_SECONDS).toBe(10);
  });

  it('freezes the settings to the last level', () => {
    const settings = loadSettings(schema, { PORT: '1', MILLRACE_ORIGINS: 'a,b' });
    expect(Object.isFrozen(settings)).toBe(true);
    expect(Object.isFrozen(settings.MILLRACE_ORIGINS)).toBe(true);
  });

  it('lists every bad variable with what is wrong and what is allowed', () => {
    const message = failure({ MILLRACE_LOG_LEVEL: 'loud', MILLRACE_MIN_SECONDS: 'many', MILLRACE_KEY_PREFIX: '{x}' });
    expect(message).toContain('4 bad settings');
    expect(message).toMatch(/PORT: is required; allowed: integer, 1 … 65535; Port to listen on/);
    expect(message).toMatch(/MILLRACE_LOG_LEVEL: .*"loud".*one of: trace, debug/);
    expect(message).toMatch(/MILLRACE_MIN_SECONDS: .*"many".*integer, 1 … 1000.*default: 10/);
    expect(message).toMatch(/MILLRACE_KEY_PREFIX: must be letters/);
  });

  it('never shows the value of a key or a URL', () => {
    const message = failure({ PORT: '1', OPENAI_API_KEY: 'hunter2-key', REDIS_URL: 'http://me:hunter2@host' });
    expect(message).toContain('OPENAI_API_KEY');
    expect(message).toContain('REDIS_URL');
    expect(message).not.toContain('hunter2');
  });

  it('never shows the password of the database of checkpoints', () => {
    const message = failure({ PORT: '1', MILLRACE_CHECKPOINTS: 'postgress://me:hunter2@host/db' });
    expect(message).toContain('MILLRACE_CHECKPOINTS');
    expect(message).not.toContain('hunter2');
  });

  it('checks a rule over several variables together with what else is wrong', () => {
    const message = failure({ MILLRACE_MAX_SECONDS: '5' });
    expect(message).toContain('MILLRACE_MAX_SECONDS: must be at least MILLRACE_MIN_SECONDS');
    expect(message).toContain('PORT: is required');
  });
});

describe('a secret in a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'settings-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };

  it('is read without the line end that editors add', () => {
    const settings = loadSettings(schema, { PORT: '1', OPENAI_API_KEY_FILE: file('key', ' sk-from-a-file\n') });
    expect(settings.OPENAI_API_KEY).toBe('sk-from-a-file');
  });

  it('is also the URL of the database of checkpoints, but no number about them', () => {
    const url = 'postgres://me:hunter2@host/db';
    const settings = loadSettings(schema, { PORT: '1', MILLRACE_CHECKPOINTS_FILE: file('database', url) });
    expect(settings.MILLRACE_CHECKPOINTS).toBe(url);
    expect(failure({ PORT: '1', MILLRACE_CHECKPOINTS_KEPT: 'many' })).toContain('"many"');
  });

  it('is refused beside the variable, where the file cannot be read or is empty, and never shown', () => {
    const both = failure({ PORT: '1', OPENAI_API_KEY: 'sk-1', OPENAI_API_KEY_FILE: file('other', 'sk-hunter2') });
    expect(both).toContain('OPENAI_API_KEY_FILE: must not be set beside OPENAI_API_KEY');
    expect(failure({ PORT: '1', REDIS_URL_FILE: join(folder, 'none') })).toMatch(
      /REDIS_URL_FILE: cannot read .*ENOENT/,
    );
    expect(failure({ PORT: '1', OPENAI_API_KEY_FILE: file('empty', '\n') })).toContain('is empty');
    const wrong = failure({ PORT: '1', OPENAI_API_KEY_FILE: file('wrong', 'hunter2') });
    expect(wrong).toContain('OPENAI_API_KEY');
    expect(`${both}${wrong}`).not.toContain('hunter2');
  });

  it('is for secrets only', () => {
    expect(failure({ PORT_FILE: file('port', '1') })).toContain('PORT: is required');
  });
});

describe('describeSettings', () => {
  it('gives a row for every variable', () => {
    const rows = describeSettings(schema);
    expect(rows).toContainEqual({
      name: 'PORT',
      type: 'integer, 1 … 65535',
      default: null,
      description: 'Port to listen on',
    });
    expect(rows).toContainEqual({
      name: 'OPENAI_API_KEY',
      type: 'text',
      default: '',
      description: 'Key of the model provider',
    });
    expect(rows.find(({ name }) => name === 'MILLRACE_MAX_SECONDS')).toMatchObject({
      type: 'integer, at least 1',
      default: '20',
    });
  });
});
