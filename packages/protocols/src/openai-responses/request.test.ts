import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RequestFault } from '../foreign/request-fault.ts';
import { responsesField, responsesRequest } from './request.ts';

function faultsOf(body: unknown): string[] {
  try {
    responsesRequest(body);
  } catch (error) {
    if (error instanceof RequestFault) return error.errors.map(({ pointer }) => pointer);
    throw error;
  }
  return [];
}

const jobOf = (body: object) => responsesRequest({ input: 'hi', ...body }).job;
const SCHEMA = { type: 'object', properties: {} };
const TOOL = { type: 'function', name: 'look', description: null, parameters: SCHEMA, strict: null };

describe('a request of the Responses API', () => {
  it('is a question in short', () => {
    const { job, ...rest } = responsesRequest({ model: 'm', input: 'hi' });
    expect(job).toEqual({
      messages: [{ role: 'user', content: 'hi' }],
      ...{ model: 'm', onDisconnect: 'cancel', onCrash: 'restart' },
    });
    expect(rest).toEqual({
      ...{ instructions: null, previousResponseId: null, outputs: null },
      ...{ isStored: true, isBackground: false, streams: false },
    });
  });

  it('names a pipeline or an agent as its model', () => {
    expect(jobOf({ model: 'pipeline/support' })).toMatchObject({ pipeline: 'support' });
    expect(jobOf({ model: 'pipeline/support' }).model).toBeUndefined();
    expect(jobOf({ model: null }).pipeline).toBeUndefined();
  });

  it('in background outlives its connection', () => {
    expect(responsesRequest({ input: 'hi', background: true, stream: true })).toMatchObject({
      ...{ isBackground: true, streams: true },
      job: { onDisconnect: 'continue' },
    });
  });

  it('passes all parameters on', () => {
    expect(
      jobOf({
        ...{ temperature: 0.5, top_p: 0.25, max_output_tokens: 77, reasoning: { effort: 'low', summary: 'auto' } },
        ...{ tools: [TOOL], tool_choice: { type: 'function', name: 'look' }, parallel_tool_calls: false },
        text: { format: { type: 'json_schema', name: 'a', schema: SCHEMA, strict: true, description: 'what' } },
        metadata: { a: 'b' },
      }),
    ).toMatchObject({
      ...{ temperature: 0.5, topP: 0.25, maxTokens: 77, reasoningEffort: 'low' },
      ...{ tools: [{ name: 'look', parameters: SCHEMA }], toolChoice: { name: 'look' }, parallelToolCalls: false },
      responseFormat: { type: 'json_schema', name: 'a', schema: { ...SCHEMA, description: 'what' }, strict: true },
      metadata: { a: 'b' },
    });
  });

  it('may have fields that change nothing', () => {
    const plain = jobOf({});
    expect(
      jobOf({
        ...{
          tools: [],
          tool_choice: 'auto',
          parallel_tool_calls: true,
          text: {},
          include: ['reasoning.encrypted_content'],
        },
        ...{ temperature: null, metadata: null, user: 'u', service_tier: 'auto', truncation: 'auto', unknown: [1] },
        ...{
          prompt_cache_key: 'k',
          top_logprobs: 0,
          conversation: null,
          stream_options: { include_obfuscation: false },
        },
      }),
    ).toEqual(plain);
  });

  it('has items of all kinds', () => {
    const { messages } = jobOf({
      input: [
        { role: 'developer', content: 'Be brief.' },
        {
          ...{ type: 'message', role: 'user' },
          content: [
            { type: 'input_text', text: 'what is this?' },
            { type: 'input_image', image_url: 'https://a.example/b.png', detail: 'auto' },
            { type: 'input_image', image_url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'auto' },
            { type: 'input_file', file_data: 'data:application/pdf;base64,JVBERi0xLjcK', filename: 'a.pdf' },
            { type: 'input_file', file_url: 'https://a.example/b.pdf' },
            { type: 'input_audio', input_audio: { data: 'UklGRg==', format: 'mp3' } },
          ],
        },
        { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'x' },
        { type: 'message', id: 'msg_1', role: 'assistant', content: [{ type: 'output_text', text: 'I look.' }] },
        { type: 'function_call', id: 'fc_1', call_id: 'c1', name: 'look', arguments: '{}', status: 'completed' },
        { type: 'function_call', call_id: 'c2', name: 'look', arguments: '{"a":1}' },
        { type: 'function_call_output', call_id: 'c1', output: 'a cat' },
        { type: 'function_call_output', call_id: 'c2', output: [{ type: 'input_text', text: 'a dog' }] },
        { type: 'function_call', call_id: 'c3', name: 'look', arguments: '{}' },
        { role: 'assistant', content: 'Once more.' },
        { type: 'function_call_output', call_id: 'c3', output: '' },
        { role: 'user', content: [] },
      ],
    });
    const call = (callId: string, args = '{}') => ({ callId, name: 'look', arguments: args });
    expect(messages).toEqual([
      { role: 'developer', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'what is this?' },
          { type: 'image', url: 'https://a.example/b.png' },
          { type: 'image', data: 'iVBORw0KGgo=', mediaType: 'image/png' },
          { type: 'file', data: 'JVBERi0xLjcK', mediaType: 'application/pdf', name: 'a.pdf' },
          { type: 'file', url: 'https://a.example/b.pdf' },
          { type: 'audio', data: 'UklGRg==', mediaType: 'audio/mpeg' },
        ],
      },
      { role: 'assistant', content: 'I look.', toolCalls: [call('c1'), call('c2', '{"a":1}')] },
      { role: 'tool', toolCallId: 'c1', content: 'a cat' },
      { role: 'tool', toolCallId: 'c2', content: 'a dog' },
      { role: 'assistant', content: 'Once more.', toolCalls: [call('c3')] },
      { role: 'tool', toolCallId: 'c3', content: '' },
      { role: 'user', content: '' },
    ]);
  });

  it('may be answers to questions', () => {
    const output = (callId: string, text: string) => ({ type: 'function_call_output', call_id: callId, output: text });
    expect(responsesRequest({ input: [output('i1', 'yes'), output('i2', '{"a":1}')] }).outputs).toEqual({
      ...{ i1: 'yes', i2: { a: 1 } },
    });
    expect(responsesRequest({ input: [output('i1', 'yes'), { role: 'user', content: 'hi' }] }).outputs).toBeNull();
  });

  it.each<[string, object, string[]]>([
    ['no input', { input: undefined }, ['/input']],
    ['an empty input', { input: [] }, ['/input']],
    ['a number', { input: 1 }, ['/input']],
    ['a conversation', { conversation: 'c' }, ['/conversation']],
    ['a stored prompt', { prompt: { id: 'p' } }, ['/prompt']],
    [
      'log probabilities',
      { top_logprobs: 2, include: ['message.output_text.logprobs'] },
      ['/top_logprobs', '/include/0'],
    ],
    ['verbosity', { text: { verbosity: 'low' } }, ['/text/verbosity']],
    ['a built-in tool', { tools: [{ type: 'web_search' }] }, ['/tools/0/type']],
    ['a choice of no tool', { tool_choice: 'required' }, ['/tool_choice']],
    [
      'a choice of an unknown tool',
      { tools: [TOOL], tool_choice: { type: 'function', name: 'x' } },
      ['/tool_choice/name'],
    ],
    [
      'a built-in choice',
      { tools: [TOOL], tool_choice: { type: 'web_search' } },
      ['/tool_choice/type', '/tool_choice/name'],
    ],
    ['two tools of a name', { tools: [TOOL, TOOL] }, ['/tools/1/name']],
    ['a wrong number', { top_p: 2, max_output_tokens: 0 }, ['/max_output_tokens', '/top_p']],
    ['an unknown effort', { reasoning: { effort: 'some' } }, ['/reasoning/effort']],
    ['an unknown format', { text: { format: { type: 'grammar' } } }, ['/text/format/type']],
    [
      'a bad name of a format',
      { text: { format: { type: 'json_schema', name: 'a b', schema: {} } } },
      ['/text/format/name'],
    ],
    ['an unknown item', { input: [{ type: 'web_search_call', id: 'x' }] }, ['/input/0/type']],
    ['a reference', { input: [{ type: 'item_reference', id: 'x' }] }, ['/input/0/type']],
    [
      'a stored file',
      { input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'f' }] }] },
      ['/input/0/content/0/file_id'],
    ],
    ['a file of nothing', { input: [{ role: 'user', content: [{ type: 'input_file' }] }] }, ['/input/0/content/0']],
    [
      'arguments that are no JSON, behind another item',
      { input: [{ type: 'reasoning' }, { type: 'function_call', call_id: 'c', name: 'n', arguments: '{' }] },
      ['/input/1'],
    ],
    [
      'a call without an id',
      { input: [{ type: 'function_call_output', call_id: '', output: '' }] },
      ['/input/0/call_id'],
    ],
    ['metadata that is no text', { metadata: { a: 1 } }, ['/metadata/a']],
  ])('is refused with %s, by its field', (_, body, pointers) => {
    expect(new Set(faultsOf({ input: 'hi', ...body }))).toEqual(new Set(pointers));
  });

  it('is refused if it is no object', () => {
    for (const body of [null, undefined, 1, 'x', []]) expect(faultsOf(body)).toEqual(['']);
  });

  it('is told in its own names what is refused later', () => {
    expect(responsesField('/pipeline')).toBe('/model');
    expect(responsesField('/messages/0')).toBe('/input/0');
    expect(responsesField('/responseFormat/schema')).toBe('/text/format/schema');
    expect(responsesField('/temperature')).toBe('/temperature');
    expect(responsesField('')).toBe('');
  });

  it('with a million wrong entries gets one fault', () => {
    expect(faultsOf({ input: Array.from({ length: 1_000_000 }, () => 0) })).toEqual(['/input']);
  });

  it('is taken or refused, whatever it is, and no field that would change the answer is lost (fuzz)', () => {
    const odd = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom('auto', 'text', 0, -1, 1e9, [], {}, [null]));
    const part = fc.oneof(
      fc.record({ type: fc.constantFrom('input_text', 'output_text', 'text'), text: fc.string() }),
      fc.record({ type: fc.constant('input_image'), image_url: fc.oneof(fc.webUrl(), fc.string()) }),
      odd,
    );
    const item = fc.oneof(
      fc.record({
        role: fc.constantFrom('user', 'assistant', 'system', 'x'),
        content: fc.oneof(fc.string(), fc.array(part, { maxLength: 3 })),
      }),
      fc.record({
        type: fc.constant('function_call'),
        call_id: fc.string(),
        name: fc.string(),
        arguments: fc.constantFrom('{}', '{'),
      }),
      fc.record({ type: fc.constant('function_call_output'), call_id: fc.string(), output: fc.string() }),
      fc.constant({ type: 'reasoning', summary: [] }),
      odd,
    );
    const field = (...valid: unknown[]) => fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...valid) }, odd);
    const body = fc.record(
      {
        input: fc.oneof(fc.string(), fc.array(item, { maxLength: 4 }), odd),
        model: field('m', 'pipeline/p', null),
        instructions: field('Be brief.', null),
        temperature: field(0, 1, null),
        top_p: field(0.5, null),
        max_output_tokens: field(16, null),
        reasoning: field({ effort: 'low' }, {}, null),
        text: field({}, { format: { type: 'json_object' } }, null),
        tools: field([], [TOOL]),
        tool_choice: field('auto', 'required', { type: 'function', name: 'look' }),
        conversation: field(null, undefined),
        prompt: field(null, undefined),
        top_logprobs: field(0, null),
        store: field(true, false, null),
        background: field(true, false, null),
        stream: field(true, false, null),
        metadata: field({}, { a: 'b' }, null),
        previous_response_id: field('resp_x', null),
      },
      { requiredKeys: ['input'] },
    );
    fc.assert(
      fc.property(body, (given) => {
        let taken: ReturnType<typeof responsesRequest>;
        try {
          taken = responsesRequest(given);
        } catch (error) {
          expect(error).toBeInstanceOf(RequestFault);
          expect((error as RequestFault).errors.length).toBeGreaterThan(0);
          return;
        }
        const { job } = taken;
        expect(job.temperature ?? null).toEqual(given.temperature ?? null);
        expect(job.topP ?? null).toEqual(given.top_p ?? null);
        expect(job.maxTokens ?? null).toEqual(given.max_output_tokens ?? null);
        expect([given.conversation ?? null, given.prompt ?? null, given.top_logprobs || null]).toEqual([
          null,
          null,
          null,
        ]);
        if (Array.isArray(given.tools)) expect(job.tools?.length ?? 0).toBe(given.tools.length);
        if (given.tool_choice === 'required') expect(job.toolChoice).toBe('required');
        expect(taken.instructions ?? '').toBe(given.instructions ?? '');
      }),
      { numRuns: 500 },
    );
  });
});
