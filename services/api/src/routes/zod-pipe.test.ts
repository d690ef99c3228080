import { describe, expect, it } from '@jest/globals';
import { createJobSchema } from '@millrace/contracts';
import { type FieldError, InvalidRequest } from '../http/problem.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { cancelQuerySchema, listQuerySchema } from './queries.ts';

function refusal(schema: ConstructorParameters<typeof ZodPipe>[0], value: unknown): InvalidRequest {
  try {
    new ZodPipe(schema).transform(value);
  } catch (error) {
    if (error instanceof InvalidRequest) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

const errorsOf = (problem: InvalidRequest): readonly FieldError[] => problem.options.errors ?? [];

describe('what is wrong with a body or a query', () => {
  it('is said place by place', () => {
    const problem = refusal(createJobSchema, { query: 'x', 'a/b~c': 1, messages: [{ role: 'user', content: 1 }] });
    expect(problem.detail).toBe('See errors.');
    expect(errorsOf(problem).map(({ pointer }) => pointer)).toEqual(
      expect.arrayContaining(['/a~1b~0c', '/messages/0/content']),
    );
  });

  it('is said of twenty places at most, and how many more there are', () => {
    const problem = refusal(createJobSchema, { messages: Array.from({ length: 1_000 }, () => ({})) });
    expect(problem.detail).toBe('See errors: the first 20 of 2000.');
    expect(errorsOf(problem)).toHaveLength(20);
  });

  it('is one complaint where there are too many entries', () => {
    const wrong = { query: 'x', messages: Array.from({ length: 1_001 }, () => ({})), metadata: manyFields(17) };
    expect(errorsOf(refusal(createJobSchema, wrong))).toEqual([
      { pointer: '/messages', detail: 'must have 1000 entries at most' },
      { pointer: '/metadata', detail: 'must have 16 entries at most' },
    ]);
  });

  it('is said in 64 KiB, whatever the names and values', () => {
    const wide = { query: 'x', ...manyFields(1_000, '\u0001'.repeat(256)), onCrash: 'x'.repeat(1_000_000) };
    const text = JSON.stringify(errorsOf(refusal(createJobSchema, wide)));
    expect(text.length).toBeLessThan(64_000);
    expect(text).not.toContain('xxxx');
  });

  it.each([
    ['GET /jobs', listQuerySchema],
    ['DELETE /jobs', cancelQuerySchema],
  ])('is bounded for the parameters of %s too', (_, schema) => {
    const same = Array.from({ length: 8_000 }, () => 'x');
    const problem = refusal(schema, { ...manyFields(8_000), status: same, limit: same, cursor: same, tenant: same });
    expect(JSON.stringify(errorsOf(problem)).length).toBeLessThan(2_000);
  });
});

function manyFields(count: number, name = 'field'): Record<string, number> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`${index}-${name}`, 0]));
}
