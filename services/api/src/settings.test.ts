import { describe, expect, it } from '@jest/globals';
import { describeSettings, loadSettings, SettingsError } from '@millrace/runtime';
import { apiSettingsSchema } from './settings.ts';

const load = (env: Record<string, string>) => loadSettings(apiSettingsSchema, env);

describe('the settings of the API', () => {
  it('need nothing on a developer’s machine', () => {
    expect(load({})).toMatchObject({ HOST: '127.0.0.1', PORT: 8080, MILLRACE_API_KEYS: [], MILLRACE_MODELS: [] });
  });

  it.each(['0.0.0.0', '::', '10.0.0.1', 'example.org'])(
    'let nobody listen on %s without saying who may call',
    (HOST) => {
      expect(() => load({ HOST })).toThrow(/MILLRACE_AUTH/);
      expect(load({ HOST, MILLRACE_AUTH: 'none' }).HOST).toBe(HOST);
    },
  );

  it('require keys for MILLRACE_AUTH=apikey, and never show one', () => {
    expect(() => load({ MILLRACE_AUTH: 'apikey' })).toThrow(/MILLRACE_API_KEYS/);
    try {
      load({ MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: 'alice:root:hunter22-hunter22' });
      throw new Error('accepted');
    } catch (error) {
      expect(error).toBeInstanceOf(SettingsError);
      expect(String(error)).not.toContain('hunter22');
    }
  });

  it.each([
    ['PORT', 0],
    ['MILLRACE_MAX_BODY_BYTES', 1_024],
    ['MILLRACE_MAX_CONNECTIONS', 1],
    ['MILLRACE_MAX_QUEUED_JOBS', 1],
    ['MILLRACE_MAX_JOBS_PER_TENANT', 1],
    ['MILLRACE_MAX_STREAMS_PER_TENANT', 1],
    ['MILLRACE_MAX_TIMEOUT_MS', 1],
    ['MILLRACE_MAX_WAIT_MS', 0],
    ['MILLRACE_HEARTBEAT_MS', 100],
    ['MILLRACE_RETRY_MS', 0],
    ['MILLRACE_STALL_TIMEOUT_MS', 100],
    ['MILLRACE_DISCONNECT_GRACE_MS', 100],
    ['MILLRACE_DRAIN_MS', 0],
    ['MILLRACE_LINGER_MS', 0],
    ['MILLRACE_SWEEP_MS', 100],
  ])('take for %s whole numbers from %i on', (name, least) => {
    expect(load({ [name]: String(least) })).toMatchObject({ [name]: least });
    for (const bad of [least - 1, least + 0.5, 'many']) {
      expect(() => load({ [name]: String(bad) })).toThrow(`${name}:`);
    }
  });

  it('refuse a port beyond 65,535, and an unknown MILLRACE_AUTH', () => {
    expect(load({ PORT: '65535' }).PORT).toBe(65_535);
    expect(() => load({ PORT: '65536' })).toThrow('PORT:');
    expect(() => load({ MILLRACE_AUTH: 'apikeys' })).toThrow('MILLRACE_AUTH:');
  });

  it('let no job expire while it runs, and no log outlive its record', () => {
    const hour = { MILLRACE_UNFINISHED_RETENTION_SECONDS: '3600' };
    expect(load({ ...hour, MILLRACE_MAX_TIMEOUT_MS: '3600000' }).MILLRACE_MAX_TIMEOUT_MS).toBe(3_600_000);
    expect(() => load({ ...hour, MILLRACE_MAX_TIMEOUT_MS: '3600001' })).toThrow('MILLRACE_MAX_TIMEOUT_MS:');
    expect(() => load({ MILLRACE_RECORD_RETENTION_SECONDS: '60' })).toThrow('MILLRACE_RECORD_RETENTION_SECONDS:');
  });

  it('refuse times beyond the reach of timers', () => {
    const ofTimers = Object.keys(apiSettingsSchema.shape).filter((name) => name.endsWith('_MS'));
    expect(ofTimers).toHaveLength(9);
    for (const name of ofTimers) expect(() => load({ [name]: String(2 ** 31) })).toThrow(`${name}:`);
  });

  it('read lists', () => {
    const settings = load({ MILLRACE_MODELS: 'a:b, c ,', MILLRACE_CORS_ORIGINS: 'http://a.example,http://b.example' });
    expect(settings.MILLRACE_MODELS).toEqual(['a:b', 'c']);
    expect(settings.MILLRACE_CORS_ORIGINS).toEqual(['http://a.example', 'http://b.example']);
  });

  it('are each described, for the tables of settings', () => {
    for (const row of describeSettings(apiSettingsSchema)) expect([row.name, row.description]).not.toContain('');
  });

  it('refuses keys that would protect nothing, and origins that would match nothing', () => {
    const keys = { MILLRACE_API_KEYS: 'alice:user:hunter22-hunter22' };
    expect(() => load(keys)).toThrow(/MILLRACE_AUTH.*must be apikey/s);
    expect(() => load({ ...keys, MILLRACE_AUTH: 'none' })).toThrow(/MILLRACE_AUTH.*must be apikey/s);
    expect(() => load({ MILLRACE_CORS_ORIGINS: 'https://a.example/' })).toThrow(/MILLRACE_CORS_ORIGINS/);
  });

  it('allow all origins only with keys', () => {
    const everyPage = { MILLRACE_CORS_ORIGINS: '*' };
    expect(() => load(everyPage)).toThrow(/MILLRACE_CORS_ORIGINS.*must name the origins/s);
    expect(() => load({ ...everyPage, MILLRACE_AUTH: 'none' })).toThrow('MILLRACE_CORS_ORIGINS:');
    const keys = { MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: 'alice:user:hunter22-hunter22' };
    expect(load({ ...everyPage, ...keys }).MILLRACE_CORS_ORIGINS).toEqual(['*']);
  });

  it('demonstrate on this machine alone', () => {
    const demonstration = { MILLRACE_DEMONSTRATION: 'kill-worker' };
    expect(load(demonstration).MILLRACE_DEMONSTRATION).toBe('kill-worker');
    const open = { HOST: '0.0.0.0', MILLRACE_AUTH: 'none' };
    expect(load(open).MILLRACE_DEMONSTRATION).toBeUndefined();
    expect(() => load({ ...open, ...demonstration })).toThrow(/MILLRACE_DEMONSTRATION.*must not be set/s);
    // behind a proxy on the same machine, whoever has a key could kill what others wait for
    const keys = { MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: 'alice:user:hunter22-hunter22' };
    expect(() => load({ ...keys, ...demonstration })).toThrow(/MILLRACE_DEMONSTRATION.*must not be set/s);
  });

  it('accept names and addresses as hosts, without a port', () => {
    const names = load({ MILLRACE_ALLOWED_HOSTS: 'Chat.Example, 10.0.0.1,[fd00::5],my_api' }).MILLRACE_ALLOWED_HOSTS;
    expect(names).toEqual(['chat.example', '10.0.0.1', '[fd00::5]', 'my_api']);
    for (const bad of ['*', 'chat.example:80', 'https://chat.example', 'fd00::5', 'a b', '*.example', '0x7f.1'])
      expect(() => load({ MILLRACE_ALLOWED_HOSTS: bad })).toThrow('MILLRACE_ALLOWED_HOSTS:');
  });
});
