import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isSealed, keyIdIn, PlaceKey, SealBroken } from './place-key.ts';

const SECRET = randomBytes(32);
const KEY_ID = 'abcdEF-_';

function key({ id = KEY_ID, secret = SECRET as Uint8Array, place = 'job a.1' } = {}): PlaceKey {
  return new PlaceKey(id, secret, place);
}

describe('what is sealed', () => {
  it('opens to the same text, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(key().open(key().seal(text, 'x'), 'x')).toBe(text);
      }),
    );
  });

  it('opens to the same bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
        expect([...key().openBytes(key().sealBytes(bytes, 'x'), 'x')]).toEqual([...bytes]);
      }),
    );
  });

  it('names its key, and shows nothing of the text', () => {
    const sealed = key().seal('canary', 'x');
    expect(isSealed(sealed)).toBe(true);
    expect(keyIdIn(sealed)).toBe(KEY_ID);
    expect(keyIdIn(key().sealBytes(Buffer.from('canary'), 'x'))).toBe(KEY_ID);
    expect(sealed).not.toContain('canary');
    expect(Buffer.from(sealed.slice(9), 'base64').includes('canary')).toBe(false);
  });

  it('is another text each time, more often than one refill of nonces lasts', () => {
    const all = new Set(Array.from({ length: 1_000 }, () => key().seal('same', 'x')));
    expect(all.size).toBe(1_000);
  });

  it.each([
    ['under another name', key(), 'y'],
    ['in another place of the tenant', key({ place: 'job a.2' }), 'x'],
    ['with another data key', key({ secret: randomBytes(32) }), 'x'],
  ])('does not open %s', (_, other, about) => {
    const sealed = key().seal('text', 'x');
    expect(() => other.open(sealed, about)).toThrow(SealBroken);
  });

  it('does not open with any one bit flipped', () => {
    const sealed = key().sealBytes(Buffer.from('a few words'), 'x');
    for (let bit = 9 * 8; bit < sealed.length * 8; bit += 1) {
      const broken = Buffer.from(sealed);
      broken[bit >> 3] = (broken[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => key().openBytes(broken, 'x')).toThrow(SealBroken);
    }
  });

  it('does not open when it is cut', () => {
    const sealed = key().sealBytes(Buffer.from('a few words'), 'x');
    for (let length = 9; length < sealed.length; length += 1) {
      expect(() => key().openBytes(sealed.subarray(0, length), 'x')).toThrow(SealBroken);
    }
  });
});

it('a mark is the same for the same text in one place alone', () => {
  expect(key().mark('f')).toBe(key().mark('f'));
  expect(key().mark('f')).not.toBe(key().mark('g'));
  expect(key().mark('f')).not.toBe(key({ place: 'job a.2' }).mark('f'));
  expect(keyIdIn(key().mark('f'))).toBe(KEY_ID);
});
