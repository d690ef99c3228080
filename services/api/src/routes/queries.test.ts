import { describe, expect, it } from '@jest/globals';
import {
  cancelJobQuerySchema,
  cancelQuerySchema,
  getQuerySchema,
  jobQuerySchema,
  listQuerySchema,
  threadListQuerySchema,
  threadQuerySchema,
} from './queries.ts';

const SCHEMAS = {
  ...{ jobQuerySchema, getQuerySchema, cancelJobQuerySchema, listQuerySchema, cancelQuerySchema },
  ...{ threadQuerySchema, threadListQuerySchema },
};

describe.each(Object.entries(SCHEMAS))('the tenant in %s', (_, schema) => {
  const asks = (tenant: string) => schema.safeParse({ status: 'queued', tenant }).success;

  it('is the name of one', () => {
    expect(['default', 'acme-1', 'A_b'].every(asks)).toBe(true);
  });

  it.each(['', '..', '../../..', '/', 'a\u0000', 'ä', 'x'.repeat(65)])('is never %j', (tenant) => {
    expect(asks(tenant)).toBe(false);
  });
});
