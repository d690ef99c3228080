import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AIMessage, type BaseMessage, HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import {
  addMessages,
  entrypoint,
  getPreviousState,
  interrupt,
  type LangGraphRunnableConfig,
  task,
} from '@langchain/langgraph';
import { ChatOpenAI } from '@langchain/openai';
import { type SimulatedModel, startModel } from '@millrace/simulated-model';
import { z } from 'zod';
import { plain } from './events/plain.ts';
import { AgentRuns, inShort } from './testing/run-agent.ts';

let server: SimulatedModel;
let model: ChatOpenAI;
beforeAll(async () => {
  server = await startModel();
  model = new ChatOpenAI({ model: 'x', apiKey: 'x', maxRetries: 0, configuration: { baseURL: server.baseUrl } });
});
afterAll(() => server[Symbol.asyncDispose]());

type Body = (input: { n?: number; messages?: BaseMessage[] }, config: LangGraphRunnableConfig) => Promise<unknown>;
const flow = (body: Body) => entrypoint('flow', body);
const add = task('add', async (n: number) => n + 1);
const callModel = task('callModel', async (text: string) => model.invoke([new HumanMessage(text)]));

describe('an agent of the functional API', () => {
  it.each<[string, unknown]>([
    ['an object', { a: 1 }],
    ['a text', 'done'],
    ['a number', 0],
    ['a list', [1, 2]],
    ['false', false],
    ['what JSON cannot hold', { n: 1n }],
  ])('gives what it returns as output: %s', async (_what, output) => {
    const said = plain(output);
    const runs = new AgentRuns(flow(async () => output));
    expect(await runs.run({ input: {} })).toMatchObject({ events: [], result: { finishReason: 'stop', output: said } });
    // the same again, in a thread where that is the state
    expect((await runs.run({ input: {} })).result.output).toEqual(said);
  });

  it('gives no output where it returns nothing, also after a job that has returned something', async () => {
    let nth = 0;
    const runs = new AgentRuns(flow(async () => (++nth === 1 ? { a: 1 } : undefined)));
    expect((await runs.run({ input: {} })).result.output).toEqual({ a: 1 });
    expect((await runs.run({ input: {} })).result).not.toHaveProperty('output');
  });

  it('gives its value, and keeps for the next job what it says to keep', async () => {
    const runs = new AgentRuns(
      flow(async () => {
        const before = getPreviousState<number>() ?? 0;
        return entrypoint.final({ value: { before }, save: before + 1 });
      }),
    );
    expect((await runs.run({ input: {} })).result.output).toEqual({ before: 0 });
    expect((await runs.run({ input: {} })).result.output).toEqual({ before: 1 });
  });

  it('streams what its tasks and models say, what they write, and their state where asked', async () => {
    server.answer(['Hello', ' you']);
    const { events, result } = await new AgentRuns(
      flow(async ({ n = 0 }, { writer }) => {
        writer?.({ at: 'start' });
        const sum = await add(n);
        return { sum, said: (await callModel('hi')).content };
      }),
    ).run({ input: { n: 1 }, streamModes: ['updates'] });
    expect(inShort(events)).toEqual([
      'custom - {"at":"start"}',
      'state updates',
      ...['message_start callModel', 'text Hello you', 'message_end stop'],
      'state updates',
      'state updates',
    ]);
    expect(events.flatMap(({ type, data }) => (type === 'state' ? [data.node] : []))).toEqual([
      'add',
      'callModel',
      'flow',
    ]);
    expect(events.every(({ data }) => !('namespace' in data))).toBe(true);
    expect(result).toMatchObject({ output: { sum: 2, said: 'Hello you' }, usage: { outputTokens: 2 } });
  });

  it.each<[string, (message: BaseMessage) => unknown]>([
    ['alone', (message) => message],
    ['in a list', (message) => [message]],
    ['in an object', (message) => ({ messages: [message] })],
  ])('says a message that it returns, once: %s', async (_what, form) => {
    const runs = new AgentRuns(flow(async () => form(new AIMessage('from me'))));
    for (const _job of [1, 2]) {
      const { events, result } = await runs.run({ input: {} });
      expect(inShort(events)).toEqual(['message_start flow', 'text from me', 'message_end stop']);
      expect(JSON.stringify(result.output)).toContain('"type":"ai"');
    }
  });

  it('says a message that a task returns, once, and one of a model as the model wrote it', async () => {
    server.answer(['Hello']);
    const say = task('say', async () => new AIMessage('by hand'));
    const { events } = await new AgentRuns(flow(async () => [await say(), await callModel('hi')])).run({ input: {} });
    expect(inShort(events)).toEqual([
      ...['message_start say', 'text by hand', 'message_end stop'],
      ...['message_start callModel', 'text Hello', 'message_end stop'],
    ]);
  });

  it('says no message of an earlier job that it returns again', async () => {
    let nth = 0;
    const runs = new AgentRuns(
      flow(async ({ messages = [] }) => {
        const before = getPreviousState<BaseMessage[]>() ?? [];
        nth += 1;
        return [...before, ...addMessages([], messages), new AIMessage(`answer ${nth}`)];
      }),
    );
    for (const job of [1, 2, 3]) {
      expect(inShort((await runs.ask('hi')).events)).toEqual([
        'message_start flow',
        `text answer ${job}`,
        'message_end stop',
      ]);
    }
  });

  it('asks a person, and goes on without its tasks that are done', async () => {
    server.answer([{ toolCall: { id: 'c1', name: 'look', arguments: '{"what":"it"}' } }]);
    let adds = 0;
    const count = task('count', async () => {
      adds += 1;
      return new AIMessage('counted');
    });
    const look = tool(async ({ what }) => `${what}: ${interrupt({ may: what })}`, {
      ...{ name: 'look', description: 'Looks.', schema: z.object({ what: z.string() }) },
    });
    const use = task('use', async (call: object) => (await look.invoke(call as never)) as unknown as ToolMessage);
    const ask = task('ask', async () => model.bindTools([look]).invoke('hi'));
    const runs = new AgentRuns(
      flow(async () => {
        await count();
        const { tool_calls: [call] = [] } = await ask();
        return { seen: (await use(call ?? {})).content };
      }),
    );
    const asked = await runs.run({ input: {} });
    expect(inShort(asked.events)).toEqual([
      ...['message_start count', 'text counted', 'message_end stop'],
      ...['message_start ask', 'tool_call_start look', 'tool_call_delta {"what":"it"}', 'tool_call look {"what":"it"}'],
      'message_end tool_calls',
      'interrupt flow {"may":"it"}',
    ]);
    expect(asked.result).toMatchObject({ finishReason: 'interrupt' });
    expect(asked.result).not.toHaveProperty('output');
    const answered = await runs.run({ resume: 'yes' });
    expect(inShort(answered.events)).toEqual(['tool_result look it: yes']);
    expect(answered.result).toMatchObject({ finishReason: 'stop', output: { seen: 'it: yes' } });
    expect(adds).toBe(1);
  });

  it('fails as any agent does', async () => {
    const fails = task('fails', async () => {
      throw new Error('secret');
    });
    const error = await new AgentRuns(flow(() => fails())).run({ input: {} }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'AgentFailed', failure: 'graph', message: 'the agent failed' });
  });
});
