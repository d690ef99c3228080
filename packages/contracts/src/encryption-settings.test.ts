import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { encryptionOptions, encryptionSettings, encryptsCheckpoints, hasNamedKms } from './encryption-settings.ts';
import { threadSettings } from './shared-settings.ts';

const schema = z.object({ ...threadSettings, ...encryptionSettings }).check(encryptsCheckpoints, hasNamedKms);
const KEY = Buffer.alloc(32, 'k').toString('base64');

function complaintAbout(env: Readonly<Record<string, string>>): string {
  return (
    schema
      .safeParse(env)
      .error?.issues.map(({ message }) => message)
      .join() ?? ''
  );
}

describe('the settings of encryption', () => {
  it('encrypt nothing unless they are given', () => {
    expect(encryptionOptions(schema.parse({}))).toEqual({ masterKeys: [], kms: null, seals: true });
  });

  it('name master keys in order', () => {
    const { masterKeys } = encryptionOptions(schema.parse({ MILLRACE_ENCRYPTION_KEYS: ` new:${KEY}, old:${KEY},` }));
    expect(masterKeys).toEqual([
      { id: 'new', key: KEY },
      { id: 'old', key: KEY },
    ]);
  });

  it.each([`kms,old:${KEY}`, `old:${KEY},kms`])(
    'give the key management service the place where it is named',
    (text) => {
      const env = { MILLRACE_ENCRYPTION_KEYS: text, MILLRACE_ENCRYPTION_KMS: './kms.mjs' };
      expect(encryptionOptions(schema.parse(env)).masterKeys.map(({ id }) => id)).toEqual(
        text.split(',').map((entry) => entry.split(':')[0]),
      );
      expect(complaintAbout({ MILLRACE_ENCRYPTION_KEYS: text })).toContain('MILLRACE_ENCRYPTION_KMS is not set');
    },
  );

  it.each([
    ['a key without id', KEY, 'entry 1'],
    ['a key that is too short', `a:${KEY},b:${KEY.slice(0, 40)}`, 'entry 2'],
    ['a key twice', `a:${KEY},a:${KEY}`, 'two keys "a"'],
    ['the reserved id', `kms:${KEY}`, '"kms"'],
    ['the key management service twice', 'kms,kms', '"kms"'],
  ])('refuse %s, and do not show it', (_, text, complaint) => {
    const message = complaintAbout({ MILLRACE_ENCRYPTION_KEYS: text });
    expect(message).toContain(complaint);
    expect(message).not.toContain(KEY.slice(0, 20));
  });

  it.each([{ MILLRACE_ENCRYPTION_KEYS: `a:${KEY}` }, { MILLRACE_ENCRYPTION_KMS: './kms.mjs' }])(
    'refuse checkpoints that would not be encrypted: %j',
    (env) => {
      expect(complaintAbout({ ...env, MILLRACE_CHECKPOINTS: 'postgres://me:pass@host/db' })).toContain('PostgreSQL');
      expect(complaintAbout(env)).toBe('');
    },
  );
});
