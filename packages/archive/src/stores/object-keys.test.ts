import { describe, expect, it } from '@jest/globals';
import { jobRef } from '@millrace/contracts';
import fc from 'fast-check';
import { idPrefix, indexKey, indexPrefix, jobKey, keyBefore, parseIndexKey, refOfJobKey } from './object-keys.ts';

const word = (least: number) =>
  fc.stringMatching(/^[A-Za-z0-9_-]+$/, { size: 'small' }).filter((text) => text.length >= least);
const entries = fc.record({
  ref: fc.tuple(word(1), word(1)).map(([tenant, id]) => jobRef(tenant, id)),
  arrival: fc.bigInt(1n, 8_999_999_999_999_999n).map(String),
  finishedAt: fc.integer({ min: 0, max: 8e12 }),
  status: fc.constantFrom('completed', 'failed', 'cancelled'),
  threadId: fc.option(word(1)),
});

describe('the key of an entry', () => {
  it('says all that lists choose by', () => {
    fc.assert(
      fc.property(entries, (entry) => {
        const key = indexKey(entry);
        const tenant = entry.ref.split('.')[0] ?? '';
        expect(parseIndexKey(tenant, key)).toEqual({ ...entry, key });
        expect(key.startsWith(indexPrefix(tenant))).toBe(true);
      }),
    );
  });

  it('comes before those of older jobs', () => {
    fc.assert(
      fc.property(entries, entries, (one, other) => {
        const [a, b] = [
          { ...one, ref: jobRef('t', 'a') },
          { ...other, ref: jobRef('t', 'b') },
        ];
        fc.pre(a.arrival !== b.arrival);
        expect(indexKey(a) < indexKey(b)).toBe(BigInt(a.arrival) > BigInt(b.arrival));
        expect(keyBefore('t', a.arrival) < indexKey(b)).toBe(BigInt(a.arrival) > BigInt(b.arrival));
        expect(keyBefore('t', a.arrival) > indexKey(a)).toBe(true);
      }),
    );
  });

  it('is nothing else', () => {
    for (const key of ['index/t/', 'index/t/12345/1', 'index/t/12345/12345678901~id~~c', 'index/t/x/y~id~~c~1']) {
      expect(parseIndexKey('t', key)).toBeNull();
    }
  });
});

describe('the key of a job', () => {
  it('begins as those of other tenants with the same id, and names its own', () => {
    const ref = jobRef('a-tenant', 'an-id_0123456789');
    expect(jobKey(ref)).toMatch(/^jobs\/[0-9a-f]{3}\/an-id_0123456789~a-tenant$/);
    expect(jobKey(ref).startsWith(idPrefix('an-id_0123456789'))).toBe(true);
    expect(refOfJobKey('an-id_0123456789', jobKey(ref))).toBe(ref);
  });
});
