import { expect, it } from '@jest/globals';
import { StoreUnreachable } from './errors.ts';

class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

it.each<[unknown, string]>([
  [Object.assign(new Error('a secret'), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
  [new TimeoutError('a secret'), 'TimeoutError'],
  [Object.assign(new TimeoutError('a secret'), { code: 'with a secret' }), 'TimeoutError'],
  ['a secret', 'it is not said why'],
  [undefined, 'it is not said why'],
])('a store that cannot be reached says why in one word: %p', (cause, word) => {
  expect(new StoreUnreachable(cause).message).toBe(`the store cannot be reached (${word})`);
});
