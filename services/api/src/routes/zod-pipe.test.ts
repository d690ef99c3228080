import { describe, expect, it } from '@jest/globals';
import { createJobSchema } from '@millrace/contracts';
import { type FieldError, InvalidRequest } from '../http/problem.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { cancelQuerySchema, listQuerySchema } from './queries.ts';

const TOOL = { name: 'look', parameters: { type: 'object' } };

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

describe('the errors of a body or a query', () => {
  it('name each fault with its place', () => {
    const problem = refusal(createJobSchema, { query: 'x', 'a/b~c': 1, messages: [{ role: 'user', content: 1 }] });
    expect(problem.detail).toBe('See errors.');
    expect(errorsOf(problem).map(({ pointer }) => pointer)).toEqual(
      expect.arrayContaining(['/a~1b~0c', '/messages/0/content']),
    );
  });

  it.each<[object, string, string | RegExp]>([
    [{ content: [{ type: 'image', url: 'ftp://x/y' }] }, '/messages/0/content/0/url', /http or https URL/],
    [{ content: [{ type: 'image', url: 'data:image/png;base64,AAAA' }] }, '/messages/0/content/0/url', /as "data"/],
    [{ content: [{ type: 'file', data: 'no base64!' }] }, '/messages/0/content/0/data', /base64/],
    [{ content: [{ type: 'audio' }] }, '/messages/0/content/0/url', 'give exactly one of "url" and "data"'],
    [{ content: [{ type: 'video' }] }, '/messages/0/content/0/type', 'must be "text", "image", "audio" or "file"'],
    [
      { content: [{ type: 'text', text: 'a', note: 1 }] },
      '/messages/0/content/0/note',
      'is not a field of this object',
    ],
    [{ content: [] }, '/messages/0/content', /at least|>=1/i],
    [{ content: 7 }, '/messages/0/content', 'must be a string, or a list of parts'],
    [{ content: 'a', toolCallId: 'c' }, '/messages/0/toolCallId', /belongs to the role "tool"/],
    [
      { role: 'assistant', content: '', toolCalls: [{ callId: 'c', name: 'n', arguments: '{' }] },
      '/messages/0/toolCalls/0/arguments',
      /must be JSON text/,
    ],
  ])('name the field of a message, and how to fix it: %j', (message, pointer, detail) => {
    const errors = errorsOf(refusal(createJobSchema, { messages: [{ role: 'user', ...message }] }));
    expect(errors).toEqual([{ pointer, detail: expect.stringMatching(detail) }]);
  });

  it.each<[object, string, string | RegExp]>([
    [{ toolChoice: 'auto' }, '/toolChoice', /needs "tools"/],
    [{ tools: [TOOL], toolChoice: { name: 'other' } }, '/toolChoice/name', /one of "tools"/],
    [{ tools: [TOOL], toolChoice: 'perhaps' }, '/toolChoice', 'must be "auto", "none", "required", or {"name": …}'],
    [{ tools: [TOOL, TOOL] }, '/tools/1/name', /two tools/],
    [{ tools: [{ name: 'a b', parameters: {} }] }, '/tools/0/name', /characters of/],
    [{ tools: Array.from({ length: 129 }, () => TOOL) }, '/tools', 'must have 128 entries at most'],
    [{ responseFormat: { type: 'xml' } }, '/responseFormat/type', /"json_schema"/],
    [{ responseFormat: { type: 'json_schema', name: 'n' } }, '/responseFormat/schema', /./],
    [{ topP: 1.5 }, '/topP', /1/],
    [{ stop: '' }, '/stop', /1/],
    [{ stop: ['a', 7] }, '/stop/1', /string/],
    [{ reasoningEffort: 'huge' }, '/reasoningEffort', /"low"/],
  ])('name the parameter for the model: %j', (parameters, pointer, detail) => {
    expect(errorsOf(refusal(createJobSchema, { query: 'x', ...parameters }))).toEqual([
      { pointer, detail: expect.stringMatching(detail) },
    ]);
  });

  it('are twenty at most, with the number of all', () => {
    const problem = refusal(createJobSchema, { messages: Array.from({ length: 1_000 }, () => ({})) });
    expect(problem.detail).toBe('See errors: the first 20 of 2000.');
    expect(errorsOf(problem)).toHaveLength(20);
  });

  it('are one error if there are too many entries', () => {
    const wrong = { query: 'x', messages: Array.from({ length: 1_001 }, () => ({})), metadata: manyFields(17) };
    expect(errorsOf(refusal(createJobSchema, wrong))).toEqual([
      { pointer: '/messages', detail: 'must have 1000 entries at most' },
      { pointer: '/metadata', detail: 'must have 16 entries at most' },
    ]);
  });

  it('fit in 64 KiB, whatever the names and values', () => {
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
