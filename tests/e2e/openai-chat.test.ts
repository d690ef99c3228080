import { createOpenAI } from '@ai-sdk/openai';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AIMessageChunk, UsageMetadata } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';
import { eventually, rawRequest } from '@millrace/testing';
import { generateText } from 'ai';
import OpenAI from 'openai';
import { SystemHarness } from './system-harness.ts';

let system: SystemHarness;
beforeAll(async () => {
  system = await SystemHarness.start({
    env: {
      ...{ MILLRACE_GRAPHS: 'examples/agents/tools/langgraph.json', OPENAI_API_KEY: 'simulated' },
      ...{ MILLRACE_DISCONNECT_GRACE_MS: '1000', MILLRACE_WORKER_GRACE_MS: '100' },
    },
  });
});
afterAll(() => system[Symbol.asyncDispose]());

const TOOL = {
  type: 'function' as const,
  function: {
    name: 'look_up',
    description: 'Looks something up.',
    parameters: { type: 'object', properties: { what: { type: 'string' } }, required: ['what'] },
  },
};
const SCHEMA = {
  type: 'object',
  properties: { colour: { type: 'string' } },
  required: ['colour'],
  additionalProperties: false,
};
const MODEL = 'gpt-4o-mini';

const asked = (content: string) => ({ model: MODEL, messages: [{ role: 'user' as const, content }] });
const clientAt = (url = system.url, options: object = {}) =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey: 'k', ...options });
const jobOf = (id: string) => id.replace(/^chatcmpl-/, '');
const jobsMade = async () => {
  const { items } = (await (await fetch(`${system.url}/jobs?limit=100`)).json()) as { items: { id: string }[] };
  return items.length;
};
const langchainAt = (options: object = {}) =>
  new ChatOpenAI({ model: MODEL, apiKey: 'k', configuration: { baseURL: `${system.url}/v1` }, ...options });

describe('the client of OpenAI', () => {
  it('streams an answer, with its usage, through nginx and from both nodes', async () => {
    system.model.answer(['Hel', 'lo', ' you'], { to: 'stream', usage: { inputTokens: 11, outputTokens: 3 } });
    for (const url of [system.url, system.node(0), system.node(1)]) {
      const stream = clientAt(url).chat.completions.stream({
        ...asked('stream'),
        stream_options: { include_usage: true },
      });
      const parts: string[] = [];
      stream.on('content', (delta) => parts.push(delta));
      const answer = await stream.finalChatCompletion();
      expect(parts.join('')).toBe('Hello you');
      expect(answer).toMatchObject({
        choices: [{ message: { role: 'assistant', content: 'Hello you' }, finish_reason: 'stop' }],
        usage: { prompt_tokens: 11, completion_tokens: 3, total_tokens: 14 },
      });
      expect(await system.job(jobOf(answer.id))).toMatchObject({ status: 'completed', text: 'Hello you' });
    }
  });

  it('gets an answer whole, and all it asks reaches the model', async () => {
    system.model.answer([{ reasoning: 'hm' }, '{"colour":', '"blue"}'], { to: 'whole' });
    const { data: answer, request_id } = await clientAt()
      .chat.completions.create({
        messages: [
          { role: 'developer', content: 'Be brief.' },
          { role: 'user', content: [{ type: 'text', text: 'whole' }] },
        ],
        ...{ model: MODEL, temperature: 0.5, max_completion_tokens: 77, top_p: 0.25, stop: ['END'], seed: 7 },
        response_format: { type: 'json_schema', json_schema: { name: 'colour', schema: SCHEMA, strict: true } },
      })
      .withResponse();
    expect(request_id).toBe(jobOf(answer.id));
    expect(answer.choices[0]).toMatchObject({
      message: { content: '{"colour":"blue"}', reasoning_content: 'hm' },
      finish_reason: 'stop',
    });
    expect(system.model.requests.at(-1)?.body).toMatchObject({
      messages: [
        { role: 'developer', content: 'Be brief.' },
        { role: 'user', content: 'whole' },
      ],
      ...{ model: MODEL, temperature: 0.5, max_tokens: 77, top_p: 0.25, stop: ['END'], seed: 7 },
      response_format: { type: 'json_schema', json_schema: { name: 'colour', schema: SCHEMA, strict: true } },
    });
  });

  it('runs its own tools', async () => {
    const results: string[] = [];
    system.model.answer(
      ({ body }) => {
        const last = body.messages?.at(-1);
        if (last?.role !== 'tool') {
          return ['I look. ', { toolCall: { id: 'call_1', name: 'look_up', arguments: '{"what":"sky"}' } }];
        }
        results.push(String(last.content));
        return ['It is blue.'];
      },
      { to: 'tools' },
    );
    const { function: look } = TOOL;
    const runner = clientAt().chat.completions.runTools({
      ...asked('tools'),
      stream: true,
      tools: [
        {
          type: 'function',
          function: {
            ...{ ...look, strict: true, parse: JSON.parse },
            function: ({ what }: { what: string }) => `${what} is blue`,
          },
        },
      ],
    });
    expect(await runner.finalContent()).toBe('It is blue.');
    expect(results).toEqual(['sky is blue']);
    expect(system.model.requests.at(-1)?.body).toMatchObject({ tools: [{ function: { ...look, strict: true } }] });
  });

  it('talks to an agent, and sees what it says, not the calls that it runs itself', async () => {
    system.model.answer(
      ({ body }) =>
        /"tool"|function_call_output/.test(JSON.stringify(body.messages ?? body.input))
          ? ['It is a tent.']
          : ['I look. ', { toolCall: { id: 'call_1', name: 'find_order', arguments: '{"id":"A-17"}' } }],
      { to: 'agent' },
    );
    const known = await eventually(async () => {
      const { data } = await clientAt().models.list();
      return data.find(({ id }) => id.startsWith('pipeline/'))?.id;
    });
    const request = { ...asked('agent'), model: known };
    const answer = await clientAt().chat.completions.create(request);
    expect(answer).toMatchObject({
      model: known,
      choices: [{ message: { content: 'I look. It is a tent.' }, finish_reason: 'stop' }],
    });
    expect(JSON.stringify(answer)).not.toContain('tool_calls');
    const streamed = clientAt().chat.completions.stream(request);
    expect(await streamed.finalContent()).toBe(answer.choices[0]?.message.content);
  });

  it('is told of what is wrong before there is a job, and does not ask again', async () => {
    const before = await jobsMade();
    const refused = clientAt().chat.completions.create({ ...asked('n'), n: 2 });
    await expect(refused).rejects.toMatchObject({ status: 400, param: 'n', type: 'invalid_request_error' });
    const unknown = clientAt().chat.completions.create({ ...asked('x'), model: 'gpt-unknown' });
    await expect(unknown).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
    expect(await jobsMade()).toBe(before);
  });

  it('is told when the model fails, streaming or not, and makes no second job', async () => {
    system.model.answer(['half', { fail: { status: 400, message: 'no' } }], { to: 'fails midway' });
    system.model.answer([{ fail: { status: 400, message: 'no' } }], { to: 'fails' });
    const before = await jobsMade();
    const whole = clientAt().chat.completions.create(asked('fails'));
    await expect(whole).rejects.toBeInstanceOf(OpenAI.APIError);
    const stream = clientAt().chat.completions.stream(asked('fails'));
    await expect(stream.finalContent()).rejects.toBeInstanceOf(OpenAI.APIError);
    await expect(langchainAt().invoke('fails')).rejects.toThrow();
    expect(await jobsMade()).toBe(before + 3);
  });

  it.each([true, false])('cancels by leaving, and the model’s connection closes (stream: %s)', async (streams) => {
    const prompt = `leaves ${streams}`;
    const gate = system.model.gated({ to: prompt });
    const leaving = new AbortController();
    const answer = clientAt().chat.completions.create(
      { ...asked(prompt), stream: streams },
      { signal: leaving.signal },
    );
    answer.catch(() => undefined);
    const request = await gate.request;
    await gate.say('heard');
    if (streams) await answer;
    leaving.abort();
    expect((await request.ended).by).toBe('client');
  });

  it('leaves a job behind that goes on, is watched by others, resumed after any chunk, and cancelled by others', async () => {
    const gate = system.model.gated({ to: 'goes on' });
    const leaving = new AbortController();
    const headers = { 'x-millrace-on-disconnect': 'continue' };
    const stream = await clientAt().chat.completions.create(
      { ...asked('goes on'), stream: true },
      { headers, signal: leaving.signal },
    );
    await gate.say('one ');
    let id = '';
    for await (const chunk of stream) {
      ({ id } = chunk);
      if (chunk.choices[0]?.delta.content) break;
    }
    leaving.abort();
    await gate.say('two ');
    const resumed = rawRequest(`${system.node(1)}/v1/chat/completions/${id}/stream`, {
      headers: { 'last-event-id': '1' },
    });
    await using watched = await system.watch(jobOf(id));
    await watched.until(({ data }) => data.text?.includes('two'));
    expect((await system.cancel(jobOf(id))).status).toBe(200);
    expect((await (await gate.request).ended).by).toBe('client');
    const body = (await resumed).bytes.toString();
    expect(body).toContain('"content":"two "');
    expect(body).not.toContain('one ');
    expect(body).toMatch(/data: \{"error":.*\n\ndata: \[DONE\]|data: \{"error":[^\n]*\n\nid: \d+\ndata: \[DONE\]/);
  });

  it('sees nothing of a worker that hands its job over', async () => {
    const prompt = 'survives';
    const [first, second] = [system.model.gated({ to: prompt }), system.model.gated({ to: prompt })];
    const stream = clientAt().chat.completions.stream(asked(prompt));
    const answer = stream.finalContent();
    await first.say('one ');
    const id = await new Promise<string>((resolve) => stream.once('chunk', (chunk) => resolve(jobOf(chunk.id))));
    const runner = await system.runnerOf(id);
    await eventually(async () => ((await system.job(id))['text'] as string) === 'one ');
    const restarted = system.restart(runner);
    await second.say('one two');
    await second.finish();
    expect(await answer).toBe('one two');
    await restarted;
  });
});

describe('a job that has failed', () => {
  it.each<[string, (prompt: string) => Promise<unknown>]>([
    ['openai', (prompt) => clientAt().chat.completions.create(asked(prompt))],
    ['LangChain', (prompt) => langchainAt().invoke(prompt)],
    [
      'the AI SDK',
      (prompt) => {
        const provider = createOpenAI({ baseURL: `${system.url}/v1`, apiKey: 'k' });
        return generateText({ model: provider.chat(MODEL), prompt });
      },
    ],
  ])('is not made again by %s', async (client, ask) => {
    const prompt = `fails for ${client}`;
    system.model.failNext(1, { status: 400 });
    await expect(ask(prompt)).rejects.toThrow();
    const made = system.model.requests.filter(({ body }) => JSON.stringify(body).includes(prompt));
    expect(made).toHaveLength(1);
  });
});

describe('ChatOpenAI of LangChain', () => {
  it('invokes, streams, and counts', async () => {
    system.model.answer(['Hel', 'lo'], { to: 'langchain', usage: { inputTokens: 11, outputTokens: 2 } });
    const answer = await langchainAt().invoke('langchain');
    expect([answer.content, answer.usage_metadata]).toMatchObject(['Hello', { input_tokens: 11, output_tokens: 2 }]);
    const parts: string[] = [];
    let tokens = 0;
    for await (const chunk of await langchainAt().stream('langchain')) {
      parts.push(String(chunk.content));
      tokens += (chunk.usage_metadata as UsageMetadata | undefined)?.total_tokens ?? 0;
    }
    expect([parts.join(''), tokens]).toEqual(['Hello', 13]);
  });

  it('binds tools', async () => {
    system.model.answer([{ toolCall: { id: 'call_1', name: 'look_up', arguments: '{"what":"sky"}' } }], { to: 'bind' });
    const bound = langchainAt().bindTools([TOOL]);
    const call = { id: 'call_1', name: 'look_up', args: { what: 'sky' } };
    expect((await bound.invoke('bind')).tool_calls).toMatchObject([call]);
    let streamed: AIMessageChunk | undefined;
    for await (const chunk of await bound.stream('bind')) streamed = streamed?.concat(chunk) ?? chunk;
    expect(streamed?.tool_calls).toMatchObject([call]);
  });

  it('gets structured output', async () => {
    system.model.answer(['{"colour":"blue"}'], { to: 'structured' });
    const structured = langchainAt().withStructuredOutput(SCHEMA, { name: 'colour', method: 'jsonSchema' });
    expect(await structured.invoke('structured')).toEqual({ colour: 'blue' });
    system.model.answer([{ toolCall: { id: 'call_1', name: 'colour', arguments: '{"colour":"red"}' } }], {
      to: 'called',
    });
    const called = langchainAt().withStructuredOutput(SCHEMA, { name: 'colour', method: 'functionCalling' });
    expect(await called.invoke('called')).toEqual({ colour: 'red' });
  });
});
