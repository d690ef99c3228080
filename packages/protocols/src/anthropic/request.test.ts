import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RequestFault } from '../foreign/request-fault.ts';
import { anthropicProblem } from './errors.ts';
import { messagesField, messagesRequest } from './request.ts';

const BASE = { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] };
const TOOL = { name: 'look', input_schema: { type: 'object' } };
const jobOf = (body: object) => messagesRequest({ ...BASE, ...body }).job;

function faultsOf(body: unknown): string[] {
  try {
    messagesRequest(body);
  } catch (error) {
    if (error instanceof RequestFault) return error.errors.map(({ pointer }) => pointer);
    throw error;
  }
  return [];
}

describe('a request of Anthropic’s Messages API', () => {
  it('is a conversation', () => {
    expect(messagesRequest({ ...BASE, stream: true })).toEqual({
      job: {
        ...{ model: 'm', maxTokens: 9, messages: [{ role: 'user', content: 'hi' }] },
        ...{ onDisconnect: 'cancel', onCrash: 'restart' },
      },
      streams: true,
    });
    const agent = jobOf({ model: 'pipeline/support' });
    expect(agent).toMatchObject({ pipeline: 'support' });
    expect(agent.maxTokens).toBeUndefined();
  });

  it('passes all parameters on', () => {
    expect(
      jobOf({
        ...{
          system: [
            { type: 'text', text: 'Be' },
            { type: 'text', text: 'brief.', cache_control: {} },
          ],
        },
        ...{
          temperature: 0.5,
          top_p: 0.25,
          stop_sequences: ['END'],
          thinking: { type: 'enabled', budget_tokens: 2_000 },
        },
        ...{ tools: [TOOL], tool_choice: { type: 'any', disable_parallel_tool_use: true } },
        output_config: { format: { type: 'json_schema', schema: { type: 'object' } } },
      }),
    ).toMatchObject({
      messages: [{ role: 'system', content: 'Be\n\nbrief.' }, { role: 'user' }],
      ...{ temperature: 0.5, topP: 0.25, stop: ['END'], reasoningEffort: 'low' },
      ...{
        tools: [{ name: 'look', parameters: { type: 'object' } }],
        toolChoice: 'required',
        parallelToolCalls: false,
      },
      responseFormat: { type: 'json_schema', name: 'answer', schema: { type: 'object' } },
    });
  });

  it('has blocks of all kinds', () => {
    const { messages } = jobOf({
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'what is this?' },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } },
            { type: 'document', source: { type: 'url', url: 'https://a.example/b.pdf' }, title: 'b' },
            { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'plain' } },
          ],
        },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'hm', signature: 's' },
            { type: 'text', text: 'I look.' },
            { type: 'tool_use', id: 'c1', name: 'look', input: { a: 1 } },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'and now?' },
            { type: 'tool_result', tool_use_id: 'c1', content: [{ type: 'text', text: 'a cat' }], is_error: false },
          ],
        },
      ],
    });
    expect(messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'what is this?' },
          { type: 'image', data: 'iVBORw0KGgo=', mediaType: 'image/png' },
          { type: 'file', url: 'https://a.example/b.pdf', name: 'b' },
          { type: 'text', text: 'plain' },
        ],
      },
      { role: 'assistant', content: 'I look.', toolCalls: [{ callId: 'c1', name: 'look', arguments: '{"a":1}' }] },
      { role: 'tool', toolCallId: 'c1', content: 'a cat' },
      { role: 'user', content: 'and now?' },
    ]);
  });

  it.each<[string, object, string[]]>([
    ['no max_tokens', { max_tokens: undefined }, ['/max_tokens']],
    ['no messages', { messages: [] }, ['/messages']],
    ['top_k', { top_k: 3 }, ['/top_k']],
    [
      'a built-in tool',
      { tools: [{ type: 'web_search_20250305', name: 'web_search' }] },
      ['/tools/0/type', '/tools/0/input_schema'],
    ],
    ['a bad name', { tools: [{ ...TOOL, name: 'a b' }] }, ['/tools/0/name']],
    ['a choice of no tool', { tool_choice: { type: 'any' } }, ['/tool_choice']],
    ['servers of tools', { mcp_servers: [{}] }, ['/mcp_servers']],
    [
      'a stored file',
      { messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'file', file_id: 'f' } }] }] },
      ['/messages/0/content/0/source/type'],
    ],
    [
      'bad base64',
      {
        messages: [
          {
            role: 'user',
            content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: '!' } }],
          },
        ],
      },
      ['/messages/0'],
    ],
    ['an unknown effort', { output_config: { effort: 'some' } }, ['/output_config/effort']],
    ['a wrong number', { top_p: 2 }, ['/top_p']],
  ])('is refused with %s, by its field', (_, body, pointers) => {
    expect(new Set(faultsOf({ ...BASE, ...body }))).toEqual(new Set(pointers));
  });

  it('is taken or refused, whatever it is (fuzz)', () => {
    const odd = fc.jsonValue({ maxDepth: 3 });
    const block = fc.oneof(
      fc.record({ type: fc.constant('text'), text: fc.string() }),
      fc.record({
        type: fc.constant('tool_use'),
        id: fc.string(),
        name: fc.string(),
        input: fc.constantFrom({}, { a: 1 }),
      }),
      fc.record({ type: fc.constant('tool_result'), tool_use_id: fc.string(), content: fc.oneof(fc.string(), odd) }),
      odd,
    );
    const message = fc.record({
      role: fc.constantFrom('user', 'assistant', 'x'),
      content: fc.oneof(fc.string(), fc.array(block, { maxLength: 3 }), odd),
    });
    const field = (...valid: unknown[]) => fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...valid) }, odd);
    const body = fc.record(
      {
        model: field('m', 'pipeline/p'),
        max_tokens: field(9, 100),
        messages: fc.oneof(fc.array(message, { maxLength: 3 }), odd),
        system: field('s', [{ type: 'text', text: 't' }], null),
        top_k: field(null, undefined),
        temperature: field(0, 1),
        tools: field([], [TOOL]),
        tool_choice: field({ type: 'auto' }, { type: 'any' }, { type: 'tool', name: 'look' }),
        thinking: field({ type: 'disabled' }, { type: 'enabled', budget_tokens: 9_000 }),
      },
      { requiredKeys: ['model', 'max_tokens', 'messages'] },
    );
    fc.assert(
      fc.property(body, (given) => {
        try {
          const { job } = messagesRequest(given);
          expect(job.maxTokens).toBe(job.pipeline === undefined ? given.max_tokens : undefined);
          expect(job.temperature).toEqual(given.temperature ?? undefined);
          expect(given.top_k ?? null).toBeNull();
          if (Array.isArray(given.tools)) expect(job.tools?.length ?? 0).toBe(given.tools.length);
        } catch (error) {
          if (!(error instanceof RequestFault)) throw error;
          expect(error.errors.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('is told in its own names what is refused later', () => {
    expect(['/pipeline', '/topP', '/messages/0', ''].map(messagesField)).toEqual(['/model', '/top_p', '/messages', '']);
  });
});

describe('an error in Anthropic’s form', () => {
  const problem = { status: 422, detail: 'See errors.', requestId: 'r', isJobMade: false };

  it('names type, field and request', () => {
    const errors = [{ pointer: '/messages/0', detail: 'is bad' }];
    const answer = anthropicProblem({ ...problem, code: 'INVALID_REQUEST', status: 400, errors });
    expect(JSON.parse(answer.body)).toEqual({
      type: 'error',
      error: { type: 'invalid_request_error', message: 'messages[0]: is bad' },
      request_id: 'r',
    });
    expect(answer.headers).toEqual({ 'request-id': 'r', 'x-should-retry': 'false' });
    expect(anthropicProblem({ ...problem, code: 'MODEL_NOT_ALLOWED' }).status).toBe(404);
  });

  it('asks for a repetition only before there is a job', () => {
    const busy = { ...problem, code: 'QUEUE_FULL', status: 503, retryAfter: '5' } as const;
    expect(anthropicProblem(busy).headers).toMatchObject({ 'x-should-retry': 'true', 'Retry-After': '5' });
    expect(anthropicProblem({ ...busy, isJobMade: true }).headers).toMatchObject({ 'x-should-retry': 'false' });
    const long = { 'x-should-retry': 'false', 'Retry-After': '3600' };
    expect(anthropicProblem({ ...busy, retryAfter: '3600' }).headers).toMatchObject(long);
  });
});
