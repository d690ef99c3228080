import { expect, it } from '@jest/globals';
import { framesOf } from './frames-of.ts';

it('says where an error was thrown, and nothing of its message', () => {
  const [name, first] = framesOf(new TypeError('secret\n    at secret (secret.ts:1:1)'));
  expect([name, first]).toEqual(['TypeError', expect.stringMatching(/^at .*frames-of\.test\.ts/)]);
  expect(framesOf(new RangeError('')).length).toBeGreaterThan(1);
  const changed = new Error('secret\n    at secret');
  changed.message = 'another';
  for (const error of [changed, 'secret', null]) expect(String(framesOf(error))).not.toContain('secret');
});
