import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { outputParametersOf } from '@millrace/contracts';
import { createLogger } from '@millrace/runtime';
import { type SimulatedModel, startModel } from '@millrace/simulated-model';
import { definePipeline, type PipelineEvent, type PipelineInput } from '../definition/pipeline.ts';
import { ChatModels } from '../models/chat-models.ts';
import { PipelineRegistry } from '../registry.ts';
import { chatPipeline } from './chat-pipeline.ts';
import { toLangChainMessages } from './messages.ts';
import { streamChatModel } from './stream-chat-model.ts';

/** The same as `chat`, with a callback, so that LangChain has to make its messages. */
const listened = definePipeline({
  name: 'listened',
  async *run(input, { chatModel, signal }) {
    const model = await chatModel();
    model.callbacks = [{ handleLLMNewToken: () => undefined }];
    const messages = toLangChainMessages(input.messages, { provider: 'openai' });
    return yield* streamChatModel(model, messages, { ...outputParametersOf(input), signal });
  },
});

// what authors write first must type-check: one that returns nothing
definePipeline({
  name: 'silent',
  async *run() {
    yield { type: 'text', data: { text: 'Hi' } };
  },
});

let model: SimulatedModel;
let registry: PipelineRegistry;
beforeAll(async () => {
  model = await startModel();
  const models = new ChatModels({ apiKey: 'k', baseUrl: model.baseUrl });
  registry = new PipelineRegistry([chatPipeline('Be brief.'), listened], models);
});
afterAll(() => model[Symbol.asyncDispose]());

const WAYS = ['chat', 'listened'];
const logger = createLogger({ service: 'worker', level: 'silent' });
const input: PipelineInput = {
  jobId: 'job',
  attempt: 1,
  model: 'openai:m',
  messages: [
    { role: 'developer', content: 'd' },
    { role: 'user', content: 'u' },
  ],
};

/** Runs a pipeline to its end. @returns what it said, how it ended, and what the model's server was asked */
async function run(name: string, more: Partial<PipelineInput>) {
  const pipeline = registry.find(name);
  const signal = new AbortController().signal;
  const events: PipelineEvent[] = [];
  const asked = model.requests.length;
  if (pipeline === undefined) throw new Error(`no pipeline ${name}`);
  const running = pipeline.run({ ...input, ...more }, { signal, logger });
  for (;;) {
    const next = await running.next();
    if (next.done) return { events, result: next.value, body: model.requests[asked]?.body };
    events.push(next.value);
  }
}

describe('the parameters of a request', () => {
  const tool = { name: 'look', description: 'Looks.', parameters: { type: 'object', properties: { at: {} } } };

  it.each(WAYS)('reach the model as they are: %s', async (name) => {
    model.answer(['fine']);
    const { body } = await run(name, {
      ...{ temperature: 0.5, maxTokens: 77, topP: 0.25, stop: ['END', '\n'], seed: 7 },
      ...{ presencePenalty: -1, frequencyPenalty: 1.5, reasoningEffort: 'low' },
      ...{ tools: [tool], toolChoice: { name: 'look' }, parallelToolCalls: false },
      responseFormat: { type: 'json_schema', name: 'answer', schema: { type: 'object' }, strict: true },
    });
    expect(body).toEqual({
      ...{ model: 'm', stream: true, stream_options: { include_usage: true } },
      messages: [
        { role: 'developer', content: 'd' },
        { role: 'user', content: 'u' },
      ],
      ...{ temperature: 0.5, max_tokens: 77, top_p: 0.25, stop: ['END', '\n'], seed: 7 },
      ...{ presence_penalty: -1, frequency_penalty: 1.5, reasoning_effort: 'low' },
      tools: [{ type: 'function', function: tool }],
      ...{ tool_choice: { type: 'function', function: { name: 'look' } }, parallel_tool_calls: false },
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'answer', schema: { type: 'object' }, strict: true },
      },
    });
  });

  it.each(WAYS)('are left out where the request has none: %s', async (name) => {
    model.answer(['fine']);
    const { body } = await run(name, { stop: 'END', tools: [tool], toolChoice: 'required' });
    expect(new Set(Object.keys(body ?? {}))).toEqual(
      new Set(['messages', 'model', 'stop', 'stream', 'stream_options', 'tool_choice', 'tools']),
    );
    expect(body).toMatchObject({ stop: ['END'], tool_choice: 'required' });
  });

  it.each(WAYS)('bring the model’s calls back: %s', async (name) => {
    model.answer([{ toolCall: { id: 'c1', name: 'look', arguments: '{"at":"it"}' } }]);
    const { events, result } = await run(name, { tools: [tool] });
    expect(events).toEqual([
      { type: 'tool_call_start', data: { callId: 'c1', name: 'look' } },
      { type: 'tool_call_delta', data: { callId: 'c1', arguments: '{"at":' } },
      { type: 'tool_call_delta', data: { callId: 'c1', arguments: '"it"}' } },
      { type: 'tool_call', data: { callId: 'c1', name: 'look', arguments: '{"at":"it"}' } },
    ]);
    expect(result?.finishReason).toBe('tool_calls');
  });
});

describe('the system prompt of the deployment', () => {
  it('stands before a conversation that brings neither a system nor a developer message', async () => {
    model.answer(['fine']);
    const user = { role: 'user' as const, content: 'u' };
    expect((await run('chat', { messages: [user] })).body?.messages?.[0]).toEqual({
      role: 'system',
      content: 'Be brief.',
    });
    expect((await run('chat', {})).body?.messages?.[0]).toEqual({ role: 'developer', content: 'd' });
  });
});

describe('instructions', () => {
  it('come before what the thread remembers', async () => {
    model.answer(['fine']);
    const thread = {
      messages: async () => [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b' },
      ],
    } as unknown as NonNullable<PipelineInput['thread']>;
    const messages = [
      { role: 'system' as const, content: 'Be kind.' },
      { role: 'user' as const, content: 'u' },
    ];
    const { body } = await run('chat', { messages, instructions: 'Be kind.', thread });
    expect(body?.messages?.map(({ content }) => content)).toEqual(['Be kind.', 'a', 'b', 'u']);
  });
});
