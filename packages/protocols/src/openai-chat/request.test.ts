import { describe, expect, it } from '@jest/globals';
import { createJobSchema } from '@millrace/contracts';
import fc from 'fast-check';
import { RequestFault } from '../foreign/request-fault.ts';
import { chatField, chatRequest } from './request.ts';

const USER = { role: 'user', content: 'hi' };
const SCHEMA = { type: 'object', properties: {} };
const TOOL = { type: 'function', function: { name: 'look', parameters: SCHEMA } };

const jobOf = (body: object) => chatRequest({ messages: [USER], ...body }).job;

function faultsOf(body: unknown): string[] {
  try {
    chatRequest(body);
  } catch (error) {
    if (error instanceof RequestFault) return error.errors.map(({ pointer }) => pointer);
    throw error;
  }
  return [];
}

describe('a request of Chat Completions', () => {
  it('is a conversation', () => {
    expect(
      chatRequest({ model: 'gpt-4o-mini', messages: [{ role: 'developer', content: 'Be brief.' }, USER] }),
    ).toEqual({
      job: {
        messages: [{ role: 'developer', content: 'Be brief.' }, USER],
        ...{ model: 'gpt-4o-mini', onDisconnect: 'cancel', onCrash: 'restart' },
      },
      ...{ streams: false, includesUsage: false },
    });
    expect(chatRequest({ messages: [USER], stream: true, stream_options: { include_usage: true } })).toMatchObject({
      ...{ streams: true, includesUsage: true },
    });
  });

  it('names a pipeline or an agent as its model', () => {
    expect(jobOf({ model: 'pipeline/support' })).toMatchObject({ pipeline: 'support' });
    expect(jobOf({ model: 'pipeline/support' }).model).toBeUndefined();
  });

  it('passes messages on with their parts, calls and results', () => {
    const messages = [
      {
        ...{ role: 'user', name: 'ann' },
        content: [
          { type: 'text', text: 'what is this?' },
          { type: 'image_url', image_url: { url: 'https://pictures.example/sky.png', detail: 'auto' } },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
          { type: 'input_audio', input_audio: { data: 'UklGRg==', format: 'mp3' } },
          { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERg==' } },
        ],
      },
      {
        ...{ role: 'assistant', content: null },
        tool_calls: [{ id: 'c1', type: 'function', function: { name: 'look', arguments: '' } }],
      },
      { role: 'tool', tool_call_id: 'c1', content: [{ type: 'text', text: 'found' }] },
      { role: 'assistant', content: [{ type: 'refusal', refusal: 'no' }], refusal: null, audio: null },
    ];
    expect(jobOf({ messages }).messages).toEqual([
      {
        ...{ role: 'user', name: 'ann' },
        content: [
          { type: 'text', text: 'what is this?' },
          { type: 'image', url: 'https://pictures.example/sky.png' },
          { type: 'image', data: 'iVBORw0KGgo=', mediaType: 'image/png' },
          { type: 'audio', data: 'UklGRg==', mediaType: 'audio/mpeg' },
          { type: 'file', data: 'JVBERg==', mediaType: 'application/pdf', name: 'a.pdf' },
        ],
      },
      { role: 'assistant', content: '', toolCalls: [{ callId: 'c1', name: 'look', arguments: '{}' }] },
      { role: 'tool', toolCallId: 'c1', content: 'found' },
      { role: 'assistant', content: 'no' },
    ]);
  });

  it('passes all parameters on', () => {
    expect(
      jobOf({
        ...{ temperature: 0.5, top_p: 0.25, max_completion_tokens: 77, stop: ['a'], seed: 7, reasoning_effort: 'low' },
        ...{ presence_penalty: -1, frequency_penalty: 1, metadata: { a: 'b' } },
        tools: [{ type: 'function', function: { name: 'look', description: 'd', parameters: SCHEMA, strict: true } }],
        ...{ tool_choice: { type: 'function', function: { name: 'look' } }, parallel_tool_calls: false },
        response_format: {
          type: 'json_schema',
          json_schema: { name: 'a', schema: SCHEMA, strict: true, description: 'what' },
        },
      }),
    ).toMatchObject({
      ...{ temperature: 0.5, topP: 0.25, maxTokens: 77, stop: ['a'], seed: 7, reasoningEffort: 'low' },
      ...{ presencePenalty: -1, frequencyPenalty: 1, metadata: { a: 'b' } },
      tools: [{ name: 'look', description: 'd', parameters: SCHEMA, strict: true }],
      ...{ toolChoice: { name: 'look' }, parallelToolCalls: false },
      responseFormat: { type: 'json_schema', name: 'a', schema: { ...SCHEMA, description: 'what' }, strict: true },
    });
    expect(jobOf({ max_tokens: 5 }).maxTokens).toBe(5);
    expect(jobOf({ response_format: { type: 'json_object' } }).responseFormat).toEqual({ type: 'json_object' });
  });

  it('may have fields that change nothing', () => {
    const harmless = {
      ...{ n: 1, logprobs: false, top_logprobs: 0, logit_bias: {}, modalities: ['text'], audio: null, tools: [] },
      ...{
        tool_choice: 'auto',
        parallel_tool_calls: true,
        user: 'u',
        store: true,
        service_tier: 'auto',
        verbosity: null,
      },
      ...{ functions: null, function_call: null, stop: null, temperature: null, prediction: null, unknown: [1] },
    };
    expect(jobOf(harmless)).toEqual(jobOf({}));
  });

  it.each([
    ['/n', { n: 2 }],
    ['/logprobs', { logprobs: true }],
    ['/top_logprobs', { top_logprobs: 3 }],
    ['/logit_bias/50256', { logit_bias: { 50256: -100 } }],
    ['/modalities/1', { modalities: ['text', 'audio'] }],
    ['/audio', { audio: { voice: 'alloy', format: 'mp3' } }],
    ['/verbosity', { verbosity: 'low' }],
    ['/web_search_options', { web_search_options: {} }],
    ['/functions', { functions: [] }],
    ['/function_call', { function_call: 'auto' }],
    ['/tools/0/type', { tools: [{ type: 'custom', custom: { name: 'a' } }] }],
    ['/tools/0/function/name', { tools: [{ type: 'function', function: { name: 'a b' } }] }],
    ['/tools/1/function/name', { tools: [TOOL, TOOL] }],
    ['/tool_choice/type', { tools: [TOOL], tool_choice: { type: 'allowed_tools' } }],
    ['/tool_choice/function/name', { tools: [TOOL], tool_choice: { type: 'function', function: { name: 'b' } } }],
    ['/tool_choice', { tool_choice: 'required' }],
    ['/max_tokens', { max_tokens: 1, max_completion_tokens: 2 }],
    ['/max_completion_tokens', { max_completion_tokens: 0 }],
    ['/max_tokens', { max_tokens: 0 }],
    ['/temperature', { temperature: 3 }],
    ['/reasoning_effort', { reasoning_effort: 'lots' }],
    ['/response_format/json_schema/name', { response_format: { type: 'json_schema', json_schema: { name: 'a b' } } }],
    ['/metadata/a', { metadata: { a: 1 } }],
    ['/messages', { messages: 'hi' }],
    ['/messages/0/role', { messages: [{ role: 'function', name: 'f', content: 'x' }] }],
    ['/messages/0/content/0/type', { messages: [{ role: 'user', content: [{ type: 'input_text', text: 'x' }] }] }],
    ['/messages/1/content/0/image_url/detail', { messages: [USER, imageOf('https://a.example/a.png', 'high')] }],
    ['/messages/1/content/0/image_url/url', { messages: [USER, imageOf('ftp://a.example/a.png')] }],
    [
      '/messages/0/content/0/file/file_data',
      { messages: [{ role: 'user', content: [{ type: 'file', file: { file_id: 'f' } }] }] },
    ],
    ['/messages/0/tool_calls/0/function/arguments', { messages: [callOf('{')] }],
    ['/messages/0/tool_calls/0/id', { messages: [callOf('{}', '')] }],
    ['/messages/0/tool_call_id', { messages: [{ role: 'tool', content: 'x' }] }],
  ])('is refused by the name of what cannot be done: %s', (pointer, body) => {
    expect(faultsOf({ messages: [USER], ...body })).toContain(pointer);
  });

  it.each([[undefined], [null], [[]], ['x'], [1], [{}]])('is refused where it is none: %j', (body) => {
    expect(faultsOf(body).length).toBeGreaterThan(0);
  });

  it('names a field of the job as the client does', () => {
    expect(chatField('/pipeline')).toBe('/model');
    expect(chatField('/maxTokens')).toBe('/max_tokens');
    expect(chatField('/messages/0')).toBe('/messages/0');
    expect(chatField('')).toBe('');
  });

  const FIELDS = [
    ...['model', 'messages', 'stream', 'stream_options', 'temperature', 'top_p', 'max_tokens', 'max_completion_tokens'],
    ...['stop', 'seed', 'presence_penalty', 'frequency_penalty', 'reasoning_effort', 'tools', 'tool_choice', 'n'],
    ...['parallel_tool_calls', 'response_format', 'metadata', 'logprobs', 'modalities', 'audio', 'functions'],
  ];
  const VALID: Readonly<Record<string, unknown>> = {
    ...{ model: 'm', stream: true, temperature: 1, top_p: 1, max_tokens: 5, stop: 'x', seed: 1, n: 1 },
    ...{ reasoning_effort: 'low', tools: [TOOL], tool_choice: 'auto', parallel_tool_calls: true },
    ...{ response_format: { type: 'json_object' }, metadata: { a: 'b' }, stream_options: { include_usage: true } },
    messages: [USER, callOf('{}'), { role: 'tool', tool_call_id: 'c1', content: 'x' }, imageOf('https://a.example/a')],
  };

  it('is taken or refused with the place of the fault, whatever is in it', () => {
    const mutation = fc.record({
      at: fc.nat(),
      field: fc.constantFrom(...FIELDS),
      value: fc.jsonValue({ maxDepth: 3 }),
    });
    fc.assert(
      fc.property(fc.array(mutation, { maxLength: 3 }), (mutations) => {
        const body = mutations.reduce<unknown>(
          (given, { at, field, value }) => mutated(given, at, field, value),
          VALID,
        );
        let made: ReturnType<typeof chatRequest>;
        try {
          made = chatRequest(body);
        } catch (error) {
          expect(error).toBeInstanceOf(RequestFault);
          for (const { pointer, detail } of (error as RequestFault).errors) {
            expect(pointer).toMatch(/^(\/.*)?$/s);
            expect(detail).not.toBe('');
          }
          return;
        }
        expect(createJobSchema.safeParse(made.job).success).toBe(true);
        // nothing that changes the answer was dropped
        const { temperature, top_p: topP, seed, n } = body as Record<string, unknown>;
        expect([made.job.temperature ?? null, made.job.topP ?? null, made.job.seed ?? null]).toEqual([
          ...[temperature ?? null, topP ?? null, seed ?? null],
        ]);
        expect([undefined, null, 1]).toContain(n);
        expect(made.job.messages).toHaveLength((body as { messages: unknown[] }).messages.length);
      }),
      { numRuns: 2_000 },
    );
  });
});

function imageOf(url: string, detail?: string) {
  return { role: 'user', content: [{ type: 'image_url', image_url: { url, ...(detail ? { detail } : {}) } }] };
}

function callOf(args: string, id = 'c1') {
  return { role: 'assistant', content: null, tool_calls: [{ id, function: { name: 'look', arguments: args } }] };
}

/** Puts a value somewhere into a body: at a field, or deeper, where `at` leads. */
function mutated(body: unknown, at: number, field: string, value: unknown): unknown {
  const copy = structuredClone(body) as Record<string, unknown>;
  let parent: Record<string, unknown> = copy;
  let key = field;
  for (let path = at; path % 3 !== 0; path = Math.floor(path / 3)) {
    const child = parent[key];
    if (typeof child !== 'object' || child === null) break;
    const keys = Object.keys(child);
    if (keys.length === 0) break;
    parent = child as Record<string, unknown>;
    key = keys[path % keys.length] ?? '';
  }
  parent[key] = value;
  return copy;
}
