import { describe, expect, it } from '@jest/globals';
import { createJobSchema } from './job-request.ts';
import { newRequestId, requestIdSchema } from './request-id.ts';

describe('the body of POST /jobs', () => {
  it('fills in the defaults', () => {
    expect(createJobSchema.parse({ query: 'hi' })).toEqual({
      query: 'hi',
      onDisconnect: 'continue',
      onCrash: 'restart',
    });
  });

  it.each<[object, string]>([
    [{}, 'neither query nor messages'],
    [{ query: 'a', messages: [{ role: 'user', content: 'a' }] }, 'both'],
    [{ query: '' }, 'an empty query'],
    [{ query: 'a', colour: 'red' }, 'an unknown field'],
    [{ messages: [{ role: 'robot', content: 'a' }] }, 'an unknown role'],
    [{ messages: [] }, 'no message'],
    [{ query: 'a', temperature: 3 }, 'a temperature out of range'],
    [{ query: 'a', timeoutMs: 1.5 }, 'half a millisecond'],
    [
      { query: 'a', metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, 'v'])) },
      '17 metadata entries',
    ],
    [{ query: 'a', metadata: { k: 1 } }, 'metadata that is no string'],
    [{ query: 'a', input: {} }, 'a query and an input'],
    [{ query: 'a', resume: null, threadId: 't1' }, 'a query and an answer'],
    [{ resume: true }, 'an answer without a thread'],
    [{ resume: true, threadId: 't1', delayMs: 1 }, 'an answer that comes later'],
    [{ query: 'a', threadId: 'a.b' }, 'a thread id with a dot'],
    [{ query: 'a', delayMs: 604_800_001 }, 'a delay of more than 7 days'],
    [{ query: 'a', config: { thread_id: 'x' } }, 'a config value that the service sets'],
    [{ query: 'a', config: { __pregel_read: 'x' } }, 'a config value of LangGraph’s own'],
    [{ query: 'a', streamModes: ['messages'] }, 'an unknown view of the state'],
  ])('refuses %j: %s', (body) => {
    expect(createJobSchema.safeParse(body).success).toBe(false);
  });
});

describe('what a job works on', () => {
  it.each<[object]>([[{ input: {} }], [{ resume: null, threadId: 't1' }], [{ resume: { a: 1 }, threadId: 't1' }]])(
    'is %j',
    (body) => expect(createJobSchema.safeParse(body).success).toBe(true),
  );
});

describe('request ids', () => {
  it('makes unique ids that it accepts', () => {
    const ids = Array.from({ length: 1000 }, newRequestId);
    for (const id of ids) expect(requestIdSchema.safeParse(id).success).toBe(true);
    expect(new Set(ids).size).toBe(1000);
  });

  it.each([
    'short',
    'x'.repeat(65),
    '1234567890123456',
    'has:a:colon:in:it',
    'has a space in it',
    'newline-in-it-aaaa\n',
  ])('refuses %j (BullMQ: no ":", not all digits)', (id) => expect(requestIdSchema.safeParse(id).success).toBe(false));
});
