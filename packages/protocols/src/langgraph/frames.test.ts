import { describe, expect, it } from '@jest/globals';
import { Client } from '@langchain/langgraph-sdk';
import { eventId, type StoredEvent, type StreamEventType } from '@millrace/contracts';
import fc from 'fast-check';
import { Client as Client2 } from 'langgraph-sdk-2';
import { histories, JOB } from '../testing/histories.ts';
import { langGraphFormat } from './frames.ts';
import { RUN_MODES, type RunMode } from './modes.ts';
import { RunCollector } from './whole.ts';

type Said = [StreamEventType, object];
interface Told {
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: what a client reads
  readonly data: any;
}

const usage = { inputTokens: 3, outputTokens: 4 };
const DONE: Said = ['done', { finishReason: 'stop', usage }];
const QUESTION = { role: 'user', content: 'Hi', messageId: 'q' };
const CONVERSATION: Said = ['state', { mode: 'values', data: { messages: [QUESTION] } }];
const CLIENTS = { '1.15': Client, '2.0': Client2 as unknown as typeof Client } as const;

function logOf(said: readonly Said[]): StoredEvent[] {
  return said.map(([type, data], index) => ({ id: eventId(1, index + 1), type, data: JSON.stringify(data) }));
}

function bodyOf(log: readonly StoredEvent[], modes: readonly RunMode[], subgraphs = false): string {
  const encoder = langGraphFormat({ modes: new Set(modes), subgraphs }).connect(JOB);
  let body = '';
  for (const event of log) {
    const { bytes, outcome } = encoder.encode({ events: [event], replay: false });
    body += bytes?.toString() ?? '';
    if (outcome !== 'continue') break;
  }
  return body;
}

/** What a real client reads. */
async function read(body: string, version: keyof typeof CLIENTS = '1.15'): Promise<Told[]> {
  const answer = () => Promise.resolve(new Response(body, { headers: { 'content-type': 'text/event-stream' } }));
  const client = new CLIENTS[version]({ apiUrl: 'http://localhost', callerOptions: { fetch: answer as typeof fetch } });
  const parts: Told[] = [];
  for await (const { event, data } of client.runs.stream('t', 'chat', { input: {} })) parts.push({ event, data });
  return parts;
}

const told = (said: readonly Said[], modes: readonly RunMode[], subgraphs = false) =>
  read(bodyOf(logOf(said), modes, subgraphs));

describe.each(Object.keys(CLIENTS) as (keyof typeof CLIENTS)[])('a run, as client %s reads it,', (version) => {
  it('begins with its id, tells the answer in pieces, and its state before its end', async () => {
    const log = logOf([['started', {}], CONVERSATION, ['text', { text: 'Hel' }], ['text', { text: 'lo' }], DONE]);
    const parts = await read(bodyOf(log, ['values', 'updates', 'messages-tuple']), version);
    const id = `${JOB.id}-said-0`;
    const answer = { type: 'ai', id, content: 'Hello', usage_metadata: { total_tokens: 7 } };
    expect(parts).toMatchObject([
      { event: 'metadata', data: { run_id: JOB.id } },
      { event: 'values', data: { messages: [{ type: 'human', id: 'q', content: 'Hi' }] } },
      { event: 'messages', data: [{ type: 'AIMessageChunk', id, content: 'Hel' }, { langgraph_node: 'chat' }] },
      { event: 'messages', data: [{ type: 'AIMessageChunk', id, content: 'lo' }, {}] },
      { event: 'messages', data: [{ id, content: '', usage_metadata: { input_tokens: 3 } }, {}] },
      { event: 'updates', data: { chat: { messages: [answer] } } },
      { event: 'values', data: { messages: [{ id: 'q' }, answer] } },
      { event: 'end', data: null },
    ]);
  });

  it('is read whole, whatever its log', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (log) => {
        const parts = await read(bodyOf(log, RUN_MODES, true), version);
        expect(parts[0]?.event).toBe('metadata');
        expect(['end', 'error']).toContain(parts.at(-1)?.event);
        const isDone = parts.at(-1)?.event === 'end';
        expect(isDone && log.at(-1)?.type !== 'done').toBe(false);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a run', () => {
  it('tells the messages of an agent under their ids, calls piece by piece, and results', async () => {
    const parts = await told(
      [
        ['message_start', { messageId: 'm1', node: 'model' }],
        ['reasoning', { text: 'Hm' }],
        ['tool_call_start', { callId: 'c1', name: 'look' }],
        ['tool_call_delta', { callId: 'c1', arguments: '{"a"' }],
        ['tool_call_delta', { callId: 'c1', arguments: ':1}' }],
        ['tool_call', { callId: 'c1', name: 'look', arguments: '{"a":1}' }],
        ['tool_call', { callId: 'c2', name: 'look', arguments: '{}' }],
        ['message_end', { messageId: 'm1', finishReason: 'tool_calls', usage }],
        ['tool_result', { callId: 'c1', name: 'look', content: 'seen', isError: true }],
        DONE,
      ],
      ['messages-tuple'],
    );
    const chunks = parts.filter(({ event }) => event === 'messages').map(({ data }) => data[0]);
    expect(chunks).toMatchObject([
      { id: 'm1', additional_kwargs: { reasoning_content: 'Hm' } },
      { id: 'm1', tool_call_chunks: [{ index: 0, id: 'c1', name: 'look', args: '' }] },
      { id: 'm1', tool_call_chunks: [{ index: 0, args: '{"a"' }] },
      { id: 'm1', tool_call_chunks: [{ index: 0, args: ':1}' }] },
      { id: 'm1', tool_call_chunks: [{ index: 1, id: 'c2', name: 'look', args: '{}' }] },
      { id: 'm1', response_metadata: { finish_reason: 'tool_calls' }, usage_metadata: { output_tokens: 4 } },
      { type: 'tool', tool_call_id: 'c1', name: 'look', content: 'seen', status: 'error' },
    ]);
  });

  it('tells whole messages as they grow, not with every piece of a long one', async () => {
    const pieces = Array.from({ length: 2_000 }, (): Said => ['text', { text: 'four' }]);
    const parts = await told([CONVERSATION, ...pieces, DONE], ['messages']);
    const partial = parts.filter(({ event }) => event === 'messages/partial').map(({ data }) => data[0].content.length);
    expect(partial.slice(0, 3)).toEqual([4, 8, 12]);
    expect(partial.length).toBeLessThan(400);
    expect(parts.find(({ event }) => event === 'messages/metadata')?.data).toMatchObject({ [`${JOB.id}-said-0`]: {} });
    expect(parts.find(({ event }) => event === 'messages/complete')?.data[0].content).toHaveLength(8_000);
  });

  it('tells the state of an agent, and what it asks', async () => {
    const values = { messages: [{ type: 'human', content: 'x', id: 'h' }], plan: 1 };
    const log: Said[] = [
      ['state', { mode: 'values', data: values }],
      ['state', { mode: 'updates', data: { ask: null }, node: 'ask' }],
      ['state', { mode: 'tasks', data: { id: 't', name: 'ask' } }],
      ['state', { mode: 'checkpoints', data: { checkpointId: 'c', parentId: null, values, next: ['ask'] } }],
      ['interrupt', { interruptId: 'i1', value: 'Send it?', node: 'ask' }],
      ['done', { finishReason: 'interrupt', usage }],
    ];
    const asked = [{ id: 'i1', value: 'Send it?' }];
    expect((await told(log, ['values', 'updates', 'tasks', 'checkpoints'])).slice(1)).toMatchObject([
      { event: 'values', data: values },
      { event: 'updates', data: { ask: null } },
      { event: 'tasks', data: { name: 'ask' } },
      { event: 'checkpoints', data: { config: { configurable: { checkpoint_id: 'c' } }, next: ['ask'] } },
      { event: 'updates', data: { __interrupt__: asked } },
      { event: 'values', data: { ...values, __interrupt__: asked } },
      { event: 'end' },
    ]);
  });

  it('names the subgraph of an event, or leaves it out', async () => {
    const log: Said[] = [
      ['message_start', { messageId: 'm1', node: 'n', namespace: ['team', 'a'] }],
      ['text', { text: 'inner' }],
      ['state', { mode: 'values', data: { x: 1 }, namespace: ['team'] }],
      DONE,
    ];
    const events = async (subgraphs: boolean) =>
      (await told(log, ['values', 'messages-tuple'], subgraphs)).map(({ event }) => event);
    expect(await events(true)).toEqual(['metadata', 'messages|team|a', 'values|team', 'end']);
    expect(await events(false)).toEqual(['metadata', 'end']);
  });

  it.each<[Said, object]>([
    [['error', { code: 'MODEL_ERROR', message: 'no', retryable: true }], { error: 'MODEL_ERROR', message: 'no' }],
    [['cancelled', { by: 'owner' }], { error: 'UserInterrupt', message: 'The run was cancelled.' }],
  ])('that is not whole ends in an error', async (end, error) => {
    const parts = await told([['text', { text: 'half' }], end], ['values']);
    expect(parts.at(-1)).toEqual({ event: 'error', data: error });
  });

  it('whose answer began anew, and says another, ends in an error', async () => {
    const log = [
      ...logOf([['text', { text: 'one' }]]),
      { id: '2-1', type: 'reset', data: '{"attempt":2,"reason":"worker-lost"}' } as const,
      { id: '2-2', type: 'text', data: '{"text":"two and more"}' } as const,
    ];
    expect((await read(bodyOf(log, ['messages-tuple']))).at(-1)).toMatchObject({ data: { error: 'WORKER_LOST' } });
  });

  it('says where it goes on: relative to the client’s URL, with its modes', () => {
    const format = langGraphFormat({ modes: new Set(['messages-tuple', 'values']), subgraphs: true });
    expect(format.headers({ ...JOB, threadId: 't1' })).toEqual({
      Location: `/threads/t1/runs/${JOB.id}/stream?stream_mode=values&stream_mode=messages-tuple&stream_subgraphs=true`,
      'Content-Location': `/threads/t1/runs/${JOB.id}`,
    });
    expect(format.headers(JOB)).toMatchObject({ 'Content-Location': `/runs/${JOB.id}` });
    expect(langGraphFormat({ modes: new Set(['values', 'messages-tuple']), subgraphs: true })).toBe(format);
  });
});

describe('the state that a run leaves', () => {
  const stateOf = (said: readonly Said[], fallback: object | null = null) => {
    const collector = new RunCollector(JOB, fallback);
    for (const event of logOf(said)) collector.add(event);
    return collector.end().body;
  };

  it('is the conversation, or the agent’s last one, or what is known of it otherwise', () => {
    const answer = { type: 'ai', content: 'Hello', id: `${JOB.id}-said-0` };
    expect(stateOf([CONVERSATION, ['text', { text: 'Hello' }], DONE])).toMatchObject({
      messages: [{ id: 'q' }, answer],
    });
    expect(stateOf([['state', { mode: 'values', data: { x: 1 } }], DONE])).toEqual({ x: 1 });
    expect(stateOf([['text', { text: 'Hello' }], DONE])).toMatchObject({ messages: [answer] });
    expect(stateOf([['text', { text: 'Hello' }], DONE], { x: 2 })).toEqual({ x: 2 });
  });

  it('has what the agent asks', () => {
    const asked: Said[] = [
      ['interrupt', { interruptId: 'i1', value: 1 }],
      ['done', { finishReason: 'interrupt', usage }],
    ];
    expect(stateOf([['state', { mode: 'values', data: { x: 1 } }], ...asked])).toEqual({
      ...{ x: 1, __interrupt__: [{ id: 'i1', value: 1 }] },
    });
  });

  it('is an error where it is not whole', () => {
    const error: Said = ['error', { code: 'MODEL_ERROR', message: 'no', retryable: true }];
    expect(stateOf([['text', { text: 'half' }], error])).toEqual({
      __error__: { error: 'MODEL_ERROR', message: 'no' },
    });
    expect(stateOf([['cancelled', { by: 'owner' }]])).toMatchObject({ __error__: { error: 'UserInterrupt' } });
  });
});
