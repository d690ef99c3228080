import { expect, it } from '@jest/globals';
import { newRequestId } from './request-id.ts';

it('fresh ids are those of the contract, and no options of a command line', () => {
  const ids = Array.from({ length: 2000 }, newRequestId);
  expect(ids.filter((id) => !/^[A-Za-z0-9_][A-Za-z0-9_-]{23}$/.test(id))).toEqual([]);
});
