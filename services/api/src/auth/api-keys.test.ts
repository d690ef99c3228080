import { describe, expect, it } from '@jest/globals';
import { findApiKey, parseApiKeys } from './api-keys.ts';

function keysOf(text: string) {
  const parsed = parseApiKeys(text);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.keys;
}

describe('API keys', () => {
  const keys = keysOf('alice:user:s3cret, ops:admin:with:colons');

  it('finds whose secret it is', () => {
    expect(findApiKey(keys, 's3cret')).toMatchObject({ tenant: 'alice', role: 'user' });
    expect(findApiKey(keys, 'with:colons')).toMatchObject({ tenant: 'ops', role: 'admin' });
  });

  it.each(['', 's3cre', 's3cret ', 'S3CRET'])('knows nobody by %j', (secret) => {
    expect(findApiKey(keys, secret)).toBeNull();
  });

  it('does not keep the secrets', () => {
    expect(JSON.stringify(keys)).not.toMatch(/s3cret|colons/);
  });

  it.each(['alice', 'alice:user', 'alice:user:', 'alice:root:s3cret', ':user:s3cret', 'a b:user:s3cret'])(
    'refuses %j without quoting it',
    (entry) => {
      const parsed = parseApiKeys(`ok:user:fine,${entry}`);
      expect(parsed).toMatchObject({ ok: false });
      expect(JSON.stringify(parsed)).toContain('entry 2');
      expect(JSON.stringify(parsed)).not.toContain('s3cret');
    },
  );
});
