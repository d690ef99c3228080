import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readSse } from '@millrace/testing';
import { idOf, SystemHarness } from './system-harness.ts';

let system: SystemHarness;
beforeAll(async () => {
  system = await SystemHarness.start();
});
afterAll(() => system[Symbol.asyncDispose]());

const TOOL = {
  name: 'look_up',
  description: 'Looks something up.',
  parameters: { type: 'object', properties: { what: { type: 'string' } }, required: ['what'] },
};
const USER = {
  role: 'user',
  name: 'ann',
  content: [
    { type: 'text', text: 'what colour is this?' },
    { type: 'image', url: 'https://pictures.example/sky.png' },
    { type: 'image', data: '/9j/4AAQSkZJRg==' },
    { type: 'audio', data: 'UklGRgAAAABXQVZF', mediaType: 'audio/wav' },
    { type: 'file', data: 'JVBERi0xLjcK', name: 'sky.pdf' },
  ],
};
const CALL = { callId: 'call_1', name: 'look_up', arguments: '{ "what": "sky", "n": 12345678901234567890 }' };
const PARAMETERS = {
  ...{ temperature: 0.5, maxTokens: 77, topP: 0.25, stop: ['END'], seed: 7, presencePenalty: -1, frequencyPenalty: 1 },
  ...{ reasoningEffort: 'low', tools: [TOOL], toolChoice: 'auto', parallelToolCalls: false },
  responseFormat: { type: 'json_schema', name: 'colour', schema: { type: 'object' }, strict: true },
};

function create(body: object) {
  return readSse(`${system.url}/jobs`, { body });
}

describe('a job with parts, tools and every parameter (PROTOCOL §2, §3, §5)', () => {
  it('reaches the model unchanged, ends with the model’s calls, and continues with their results', async () => {
    const { callId: id, name, arguments: args } = CALL;
    system.model.answer([{ reasoning: 'hm' }, 'I look.', { toolCall: { id, name, arguments: args } }]);
    await using first = await create({ messages: [{ role: 'developer', content: 'Be brief.' }, USER], ...PARAMETERS });
    const events = await first.collect();
    const asked = system.model.requests.at(-1)?.body;
    expect(asked).toEqual({
      model: 'gpt-4o-mini',
      stream: true,
      stream_options: { include_usage: true },
      messages: [
        { role: 'developer', content: 'Be brief.' },
        {
          role: 'user',
          name: 'ann',
          content: [
            { type: 'text', text: 'what colour is this?' },
            { type: 'image_url', image_url: { url: 'https://pictures.example/sky.png' } },
            { type: 'image_url', image_url: { url: 'data:image/jpeg;base64,/9j/4AAQSkZJRg==' } },
            { type: 'input_audio', input_audio: { data: 'UklGRgAAAABXQVZF', format: 'wav' } },
            { type: 'file', file: { filename: 'sky.pdf', file_data: 'data:application/pdf;base64,JVBERi0xLjcK' } },
          ],
        },
      ],
      ...{ temperature: 0.5, max_tokens: 77, top_p: 0.25, stop: ['END'], seed: 7 },
      ...{ presence_penalty: -1, frequency_penalty: 1, reasoning_effort: 'low' },
      tools: [{ type: 'function', function: TOOL }],
      ...{ tool_choice: 'auto', parallel_tool_calls: false },
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'colour', schema: { type: 'object' }, strict: true },
      },
    });

    const called = events.filter(({ event }) => event.startsWith('tool_call'));
    expect(called[0]).toMatchObject({ event: 'tool_call_start', data: { callId: 'call_1', name: 'look_up' } });
    const pieces = called.filter(({ event }) => event === 'tool_call_delta').map(({ data }) => data.arguments);
    expect(pieces.join('')).toBe(args);
    expect(called.at(-1)).toMatchObject({ event: 'tool_call', data: CALL });
    expect(first.terminal()).toMatchObject({ event: 'done', data: { finishReason: 'tool_calls' } });

    const job = await fetch(`${system.url}/jobs/${idOf(first)}?include=text,messages`);
    const said = [{ role: 'assistant', content: 'I look.', toolCalls: [CALL] }];
    expect(await job.json()).toMatchObject({ status: 'completed', text: 'I look.', messages: said });

    system.model.answer(['{"colour":"blue"}']);
    const answered = { role: 'tool', toolCallId: 'call_1', content: 'The sky is blue.' };
    await using second = await create({ messages: [USER, ...said, answered], tools: [TOOL] });
    await second.collect();
    expect(second.text()).toBe('{"colour":"blue"}');
    expect(system.model.requests.at(-1)?.body.messages?.slice(1)).toEqual([
      {
        role: 'assistant',
        content: 'I look.',
        tool_calls: [{ id, type: 'function', function: { name, arguments: args } }],
      },
      { role: 'tool', tool_call_id: 'call_1', content: 'The sky is blue.' },
    ]);
  });

  it('is refused with the invalid places and what to do about them', async () => {
    const answer = await fetch(`${system.url}/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        messages: [{ role: 'user', content: [{ type: 'image', url: 'data:image/png;base64,AAAA' }], toolCallId: 'c' }],
        ...{ toolChoice: 'required', topP: 2 },
      }),
    });
    expect(answer.status).toBe(400);
    const { code, errors } = (await answer.json()) as { code: string; errors: { pointer: string; detail: string }[] };
    expect(code).toBe('INVALID_REQUEST');
    expect(errors.map(({ pointer }) => pointer)).toEqual([
      '/messages/0/content/0/url',
      '/messages/0/toolCallId',
      '/topP',
      '/toolChoice',
    ]);
    expect(errors[0]?.detail).toContain('as "data"');
  });
});
