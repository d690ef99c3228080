import { describe, expect, it } from '@jest/globals';
import { loadSettings } from '@millrace/runtime';
import { workerSettingsSchema } from './settings.ts';

const load = (env: Record<string, string>) => loadSettings(workerSettingsSchema, env);

describe('the worker’s settings', () => {
  it('need a key, a base URL or another provider', () => {
    expect(() => load({})).toThrow('OPENAI_API_KEY');
    expect(load({ OPENAI_API_KEY: 'sk-1' }).MILLRACE_MODEL).toBe('openai:gpt-4o-mini');
    expect(load({ OPENAI_BASE_URL: 'http://localhost:11434/v1' }).OPENAI_API_KEY).toBeUndefined();
    expect(load({ MILLRACE_MODEL: 'anthropic:claude-x' }).OPENAI_BASE_URL).toBeUndefined();
  });

  it('refuse a provider that is none, unless a server of one’s own may have such a model', () => {
    const MILLRACE_MODEL = 'qwen3:8b';
    expect(() => load({ OPENAI_API_KEY: 'k', MILLRACE_MODEL })).toThrow(/MILLRACE_MODEL: .*OPENAI_BASE_URL/);
    expect(load({ OPENAI_BASE_URL: 'http://localhost:11434/v1', MILLRACE_MODEL }).MILLRACE_MODEL).toBe(
      'openai:qwen3:8b',
    );
    expect(load({ OPENAI_API_KEY: 'k', MILLRACE_MODEL: 'ft:gpt-4o:a::b' }).MILLRACE_MODEL).toBe(
      'openai:ft:gpt-4o:a::b',
    );
  });

  it.each(['sk-ü', 'sk-a b', 'sk-\u0007', 'sk-\n1'])('refuse a key that no header can carry: %j', (OPENAI_API_KEY) => {
    expect(() => load({ OPENAI_API_KEY })).toThrow(/OPENAI_API_KEY: must be printable ASCII/);
    expect(() => load({ OPENAI_API_KEY })).not.toThrow(OPENAI_API_KEY);
  });

  it('notice a dead worker within 15 s as they are (BullMQ takes 30 to 60 s by itself)', () => {
    const { MILLRACE_WORKER_LOCK_MS: lock, MILLRACE_WORKER_STALL_CHECK_MS: check } = load({ OPENAI_API_KEY: 'k' });
    expect(lock + check).toBeLessThan(15_000);
  });

  it('take a base URL with or without slashes at its end', () => {
    for (const slashes of ['', '/', '//']) {
      const { OPENAI_BASE_URL: url } = load({ OPENAI_BASE_URL: `http://localhost:11434/v1${slashes}` });
      expect(url).toBe('http://localhost:11434/v1');
    }
  });

  it('let a model think longer than HTTP clients wait by themselves, five minutes', () => {
    const MILLRACE_FIRST_TOKEN_TIMEOUT_MS = String(3_600_000);
    const patient = load({ OPENAI_API_KEY: 'k', MILLRACE_FIRST_TOKEN_TIMEOUT_MS });
    expect(patient.MILLRACE_FIRST_TOKEN_TIMEOUT_MS).toBe(3_600_000);
    expect(load({ OPENAI_API_KEY: 'k' }).MILLRACE_FIRST_TOKEN_TIMEOUT_MS).toBe(300_000);
  });

  it('hold no time that a timer cannot', () => {
    const ofTimers = Object.keys(workerSettingsSchema.shape).filter((name) => name.endsWith('_MS'));
    expect(ofTimers).toHaveLength(8);
    for (const name of ofTimers) {
      expect(() => load({ OPENAI_API_KEY: 'k', [name]: String(2 ** 31) })).toThrow(`${name}:`);
    }
  });

  it('list pipeline modules', () => {
    const { MILLRACE_PIPELINES: modules } = load({ OPENAI_API_KEY: 'k', MILLRACE_PIPELINES: './a.mjs, @acme/b ,' });
    expect(modules).toEqual(['./a.mjs', '@acme/b']);
  });

  it('describe every variable', () => {
    for (const [name, field] of Object.entries(workerSettingsSchema.shape)) {
      expect([name, field.description]).toEqual([name, expect.stringMatching(/.{10}/)]);
    }
  });
});
