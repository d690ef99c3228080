import { describe, expect, it } from '@jest/globals';
import { parseApiKeys } from './api-keys.ts';
import { SettingsKeys } from './credentials/settings-keys.ts';

const SECRET = 's3cret-of-sixteen';

function keysOf(text: string) {
  const parsed = parseApiKeys(text);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.keys;
}

describe('API keys', () => {
  const keys = keysOf(`alice:user:${SECRET}, ops:admin:one:with:many:colons`);
  const known = new SettingsKeys(keys);

  it('finds the key of a secret', async () => {
    expect(await known.find(SECRET)).toMatchObject({ tenant: 'alice', role: 'user' });
    expect(await known.find('one:with:many:colons')).toMatchObject({ tenant: 'ops', role: 'admin' });
  });

  it.each(['', SECRET.slice(0, -1), `${SECRET} `, SECRET.toUpperCase(), '__proto__'])(
    'knows nobody by %j',
    async (secret) => {
      expect(await known.find(secret)).toBeNull();
    },
  );

  it('does not keep the secrets', () => {
    expect(JSON.stringify(keys)).not.toMatch(/s3cret|colons/);
  });

  it.each(
    [
      'alice',
      'alice:user',
      'alice:user:',
      `alice:root:${SECRET}`,
      `:user:${SECRET}`,
      `a b:user:${SECRET}`,
      'alice:user:s3cret-fifteen--',
      'alice:user:s3cret with blanks in it',
      'alice:user:s3cret-with-\u00e9-in-it',
      'alice:user:s3cret-with-\t-in-it',
    ].map((entry) => entry.replace('fifteen--', 'fifteen')),
  )('refuses %j without quoting it', (entry) => {
    const parsed = parseApiKeys(`ok:user:fine-for-sixteen,${entry}`);
    expect(parsed).toMatchObject({ ok: false });
    expect(JSON.stringify(parsed)).toContain('entry 2');
    expect(JSON.stringify(parsed)).not.toContain('s3cret');
  });

  it.each([`alice:user:${SECRET}`, `alice:admin:${SECRET}`, `bob:user:${SECRET}`])(
    'refuses the same secret a second time, whoever has it: %s',
    (entry) => {
      const parsed = parseApiKeys(`alice:user:${SECRET},ok:user:fine-for-sixteen,${entry}`);
      expect(parsed).toEqual({ ok: false, problem: 'entry 3: the secret is that of entry 1; make another one' });
    },
  );
});
