import { describe, expect, it } from '@jest/globals';
import { MessageAssembler } from '@langchain/langgraph-sdk';
import { compareEventIds, eventId, LOG_START, type StoredEvent, type StreamEventType } from '@millrace/contracts';
import { createParser } from 'eventsource-parser';
import fc from 'fast-check';
import { MessageAssembler as MessageAssembler11 } from 'langgraph-sdk-1-11';
import { JOB as HISTORIC_JOB, histories } from '../testing/histories.ts';
import type { EventSelection } from './event-filter.ts';
import { LangGraphThreadFormat, positionAfter } from './thread-format.ts';

type Said = [StreamEventType, object];
interface Told {
  readonly event_id: string;
  readonly seq: number;
  readonly method: string;
  readonly params: {
    readonly namespace: readonly string[];
    readonly node?: string;
    readonly data: Readonly<Record<string, unknown>>;
  };
}

const JOB = { ...HISTORIC_JOB, threadId: 't', turn: 3 };
const ALL = ['values', 'updates', 'messages', 'tools', 'lifecycle', 'input', 'checkpoints', 'tasks', 'custom'];
const usage = { inputTokens: 3, outputTokens: 4 };
const DONE: Said = ['done', { finishReason: 'stop', usage }];
const STARTED: Said = ['started', { attempt: 1, model: 'openai:m' }];
const RESET: Said = ['reset', { attempt: 2, reason: 'worker-lost' }];
const message = (messageId: string, place: object = {}): Said => ['message_start', { messageId, ...place }];
const text = (said: string): Said => ['text', { text: said }];
const end = (messageId: string): Said => ['message_end', { messageId, finishReason: 'stop' }];

interface Reading {
  readonly selection?: EventSelection;
  readonly since?: number | null;
  /** whether a batch ends after an event, repeated */
  readonly plan?: readonly boolean[];
  readonly format?: LangGraphThreadFormat;
}

function bodyOf(
  log: readonly StoredEvent[],
  { selection = { channels: ALL }, since = null, plan = [true], format = new LangGraphThreadFormat() }: Reading = {},
): string {
  const encoder = format.follow(selection, since === null ? null : positionAfter(since));
  encoder.begin(JOB);
  let events: StoredEvent[] = [];
  let body = '';
  log.forEach((event, index) => {
    events.push(event);
    if (!plan[index % plan.length] && index < log.length - 1) return;
    const { bytes, outcome } = encoder.encode({ events, replay: plan[(index + 1) % plan.length] === true });
    expect(outcome).toBe('continue');
    body += bytes?.toString() ?? '';
    events = [];
  });
  return body;
}

function read(body: string): Told[] {
  const told: Told[] = [];
  const parser = createParser({
    onEvent: ({ id, data }) => {
      const event = JSON.parse(data) as Told;
      expect(id).toBe(event.event_id);
      told.push(event);
    },
    maxBufferSize: 4_000_000,
  });
  parser.feed(body);
  return told;
}

function logOf(...attempts: readonly Said[][]): StoredEvent[] {
  return attempts.flatMap((said, index) =>
    said.map(([type, data], seq) => ({ id: eventId(index + 1, seq + 1), type, data: JSON.stringify(data) })),
  );
}

const toldOf = (...attempts: readonly Said[][]) => read(bodyOf(logOf(...attempts)));

/** Each event in one line. */
function inShort(told: readonly Told[]): string[] {
  return told.map(({ method, params: { namespace, node, data } }) => {
    const place = [...namespace, ...(node === undefined ? [] : [`@${node}`])].join('/');
    const { event, ...rest } = data;
    return [method, place, event, JSON.stringify(rest)].filter((word) => word !== '' && word !== undefined).join(' ');
  });
}

type Assembler = Pick<MessageAssembler, 'consume'>;

/** What a real client shows after the events: its messages by id, as text. */
function shown(told: readonly Told[], assembler: Assembler = new MessageAssembler()): Map<string, string> {
  const messages = new Map<string, string>();
  for (const event of told) {
    if (event.method === 'values') {
      // the client drops what one state has and the next has not
      const { messages: kept } = event.params.data as { messages?: unknown };
      if (!Array.isArray(kept)) continue;
      const ids = new Set(kept.map((each: { id?: string } | null) => each?.id));
      for (const id of messages.keys()) if (GONE.test(id) && !ids.has(id)) messages.delete(id);
    }
    if (event.method !== 'messages') continue;
    const update = assembler.consume(event as never);
    const id = update?.message.id;
    if (update === undefined || id === undefined) continue;
    const blocks = update.message.blocks as { type: string; text?: string }[];
    messages.set(id, blocks.map((block) => (block?.type === 'text' ? block.text : '')).join(''));
  }
  return messages;
}
const GONE = /^old/;

describe('the events of a thread', () => {
  it('tell a plain answer as one message, under the id that the thread keeps it by', () => {
    expect(inShort(toldOf([STARTED, ['reasoning', { text: 'hm' }], text('Hel'), text('lo'), DONE]))).toEqual([
      'lifecycle running {}',
      `messages message-start {"id":"${JOB.id}-said-0","role":"ai"}`,
      'messages content-block-start {"index":0,"content":{"type":"reasoning","reasoning":""}}',
      'messages content-block-delta {"index":0,"delta":{"type":"reasoning-delta","reasoning":"hm"}}',
      'messages content-block-finish {"index":0,"content":{"type":"reasoning","reasoning":"hm"}}',
      'messages content-block-start {"index":1,"content":{"type":"text","text":""}}',
      'messages content-block-delta {"index":1,"delta":{"type":"text-delta","text":"Hel"}}',
      'messages content-block-delta {"index":1,"delta":{"type":"text-delta","text":"lo"}}',
      'messages content-block-finish {"index":1,"content":{"type":"text","text":"Hello"}}',
      'messages message-finish {"reason":"stop","usage":{"input_tokens":3,"output_tokens":4,"total_tokens":7}}',
      'lifecycle completed {}',
    ]);
  });

  it('number themselves through the thread, and name the run in the ids of its lifecycle', () => {
    const told = toldOf([STARTED, text('a'), DONE]);
    expect(told.map(({ seq }) => seq)).toEqual(told.map((_, nth) => 3_000_000_001 + nth));
    expect(told[0]?.event_id).toBe(`synth:${JOB.id}:0`);
    expect(told[1]?.event_id).toBe(`${JOB.id}:1`);
    expect(told.at(-1)?.event_id).toBe(`synth:${JOB.id}:${told.length - 1}`);
  });

  it('tell calls of tools, one block after the other, and what the tools of an agent do', () => {
    const call = { callId: 'c1', name: 'look', arguments: '{"a": 1}' };
    const told = inShort(
      toldOf([
        STARTED,
        message('m1', { node: 'agent' }),
        ['tool_call_start', { callId: 'c1', name: 'look' }],
        ['tool_call_delta', { callId: 'c1', arguments: '{"a":' }],
        ['tool_call_delta', { callId: 'c1', arguments: ' 1}' }],
        ['tool_call', call],
        ['message_end', { messageId: 'm1', finishReason: 'tool_calls', usage }],
        ['tool_result', { callId: 'c1', name: 'look', content: 'seen', isError: false }],
        ['tool_result', { callId: 'c2', name: 'fail', content: 'no', isError: true }],
        DONE,
      ]),
    );
    const delta = (args: string) =>
      `{"index":0,"delta":{"type":"tool-call-delta","args":${args}},"content":{"type":"tool_call_chunk","args":${args}}}`;
    expect(told).toEqual([
      'lifecycle running {}',
      'messages @agent message-start {"id":"m1","role":"ai"}',
      'messages @agent content-block-start {"index":0,"content":{"type":"tool_call_chunk","id":"c1","name":"look","args":""}}',
      `messages @agent content-block-delta ${delta('"{\\"a\\":"')}`,
      `messages @agent content-block-delta ${delta('" 1}"')}`,
      'messages @agent content-block-finish {"index":0,"content":{"type":"tool_call","id":"c1","name":"look","args":{"a":1}}}',
      'tools tool-started {"tool_call_id":"c1","tool_name":"look","input":{"a":1}}',
      'messages @agent message-finish {"reason":"tool_calls","usage":{"input_tokens":3,"output_tokens":4,"total_tokens":7}}',
      'tools tool-finished {"tool_call_id":"c1","output":{"type":"tool","tool_call_id":"c1","name":"look","content":"seen","status":"success"}}',
      'tools tool-started {"tool_call_id":"c2","tool_name":"fail"}',
      'tools tool-error {"tool_call_id":"c2","message":"no"}',
      'lifecycle completed {}',
    ]);
  });

  it('finish a call before the next block begins, and give arguments that are no object as they are', () => {
    const told = inShort(
      toldOf([
        STARTED,
        ['tool_call_start', { callId: 'c1', name: 'a' }],
        ['tool_call_delta', { callId: 'c1', arguments: '{}' }],
        ['tool_call_start', { callId: 'c2', name: 'b' }],
        ['tool_call', { callId: 'c1', name: 'a', arguments: '{}' }],
        ['tool_call', { callId: 'c2', name: 'b', arguments: '[1]' }],
        ['done', { finishReason: 'tool_calls', usage }],
      ]),
    );
    expect(told.filter((line) => /-start |-finish |tools/.test(line)).slice(1, -1)).toEqual([
      expect.stringContaining('content-block-start {"index":0'),
      'messages content-block-finish {"index":0,"content":{"type":"tool_call","id":"c1","name":"a","args":{}}}',
      expect.stringContaining('content-block-start {"index":1'),
      expect.stringContaining('content-block-finish {"index":1,"content":{"type":"invalid_tool_call","id":"c2"'),
    ]);
  });

  it('tell an agent’s state, what it writes and what it asks', () => {
    const told = toldOf([
      STARTED,
      ['state', { mode: 'values', data: { messages: [], n: 1 } }],
      ['state', { mode: 'updates', data: { a: { n: 2 }, b: null } }],
      [
        'state',
        { mode: 'checkpoints', data: { checkpointId: 'k', parentId: 'j', metadata: { step: 1, source: 'loop' } } },
      ],
      ['custom', { name: 'note', data: { name: 'note', of: 1 } }],
      ['custom', { data: [1] }],
      ['interrupt', { interruptId: 'i1', value: { ok: '?' }, node: 'ask' }],
      ['done', { finishReason: 'interrupt', usage }],
    ]);
    expect(inShort(told).slice(1)).toEqual([
      'values {"messages":[],"n":1}',
      'updates {"node":"a","values":{"n":2}}',
      'updates {"node":"b","values":null}',
      'checkpoints {"id":"k","parent_id":"j","step":1,"source":"loop"}',
      'custom {"name":"note","payload":{"name":"note","of":1}}',
      'custom {"payload":[1]}',
      'input.requested {"interrupt_id":"i1","payload":{"ok":"?"}}',
      'lifecycle interrupted {}',
    ]);
  });

  it('tell the conversation of a thread without an agent, at the beginning and with the answer', () => {
    const messages = [{ role: 'user', content: 'Why?', messageId: 'h1', jobId: JOB.id }];
    const told = toldOf([STARTED, ['state', { mode: 'values', data: { messages } }], text('So.'), DONE]);
    const states = told.filter(({ method }) => method === 'values').map(({ params }) => params.data['messages']);
    const question = { type: 'human', id: 'h1', content: 'Why?' };
    const usage_metadata = { input_tokens: 3, output_tokens: 4, total_tokens: 7 };
    expect(states).toMatchObject([
      [question],
      [question, { type: 'ai', id: `${JOB.id}-said-0`, content: 'So.', usage_metadata }],
    ]);
    expect(inShort(told).at(-1)).toBe('lifecycle completed {}');
  });

  it('tell where subgraphs begin and end', () => {
    const place = { node: 'write', namespace: ['team', 'tools'] };
    expect(inShort(toldOf([STARTED, message('m1', place), text('hi'), end('m1'), DONE]))).toEqual([
      'lifecycle running {}',
      'lifecycle team:0 started {"graph_name":"team"}',
      'lifecycle team:0/tools:0 started {"graph_name":"tools"}',
      'messages team:0/tools:0/@write message-start {"id":"m1","role":"ai"}',
      expect.stringContaining('content-block-start'),
      expect.stringContaining('content-block-delta'),
      expect.stringContaining('content-block-finish'),
      'messages team:0/tools:0/@write message-finish {"reason":"stop"}',
      'lifecycle team:0/tools:0 completed {}',
      'lifecycle team:0 completed {}',
      'lifecycle completed {}',
    ]);
  });

  it('keep messages apart that are said at once in one place', () => {
    const told = toldOf([
      STARTED,
      message('m1', { node: 'n' }),
      message('m2', { node: 'n' }),
      ['text', { messageId: 'm1', text: 'one' }],
      ['text', { messageId: 'm2', text: 'two' }],
      end('m1'),
      end('m2'),
      DONE,
    ]);
    for (const assembler of [new MessageAssembler(), new MessageAssembler11()]) {
      expect([...shown(told, assembler as Assembler)]).toEqual([
        ['m1', 'one'],
        ['m2', 'two'],
      ]);
    }
  });

  it('end open messages with the run that fails or is cancelled', () => {
    const failed = toldOf([STARTED, text('half'), ['error', { code: 'MODEL_ERROR', message: 'no', retryable: true }]]);
    expect(inShort(failed).slice(-2)).toEqual([
      'messages error {"message":"no","code":"MODEL_ERROR"}',
      'lifecycle failed {"error":"no"}',
    ]);
    // the thread keeps what was said of a plain answer
    const cancelled = inShort(toldOf([STARTED, text('half'), ['cancelled', { by: 'owner' }]]));
    expect(cancelled.slice(-2)).toEqual(['messages message-finish {"reason":"cancelled"}', 'lifecycle interrupted {}']);
    const agent = inShort(toldOf([STARTED, message('m1'), text('half'), ['cancelled', { by: 'owner' }]]));
    expect(agent.at(-2)).toBe('messages error {"message":"The run was cancelled.","code":"aborted"}');
  });

  it('are chosen as the client chooses, without another number for any', () => {
    const log = logOf([
      STARTED,
      message('m1', { node: 'n', namespace: ['team', 'inner'] }),
      text('hi'),
      ['custom', { name: 'a', data: 1 }],
      ['custom', { name: 'b', data: 1 }],
      DONE,
    ]);
    const all = read(bodyOf(log));
    const chosen = (selection: EventSelection) => read(bodyOf(log, { selection }));
    const where = (matches: (told: Told) => boolean) => all.filter(matches);
    expect(chosen({ channels: ['lifecycle'] })).toEqual(where(({ method }) => method === 'lifecycle'));
    expect(chosen({ channels: ['custom:b'] })).toEqual(where(({ params }) => params.data['name'] === 'b'));
    expect(chosen({ channels: ['custom'] })).toEqual(where(({ method }) => method === 'custom'));
    expect(chosen({ channels: ALL, namespaces: [[]], depth: 1 })).toEqual(
      where(({ params }) => params.namespace.length <= 1),
    );
    const inTeam = where(({ params }) => params.namespace[0] === 'team:0');
    for (const namespaces of [[['team']], [['team:0']]]) expect(chosen({ channels: ALL, namespaces })).toEqual(inTeam);
    expect(chosen({ channels: ALL, namespaces: [['team:1'], ['inner']] })).toEqual([]);
  });

  it('are made once for all watchers that choose the same', () => {
    const format = new LangGraphThreadFormat();
    const batch = { events: logOf([STARTED, text('a')]), replay: false };
    const bytesOf = (selection: EventSelection) => {
      const encoder = format.follow(selection, null);
      encoder.begin(JOB);
      return encoder.encode(batch).bytes;
    };
    const one = bytesOf({ channels: ALL });
    expect(bytesOf({ channels: ALL })).toBe(one);
    expect(bytesOf({ channels: ['messages'] })).not.toBe(one);
  });
});

describe('a new attempt', () => {
  const first = [STARTED, message('old-a'), text('whole'), end('old-a'), message('old-b'), text('half')];

  it('is unseen as long as it says the same', () => {
    const again = [RESET, STARTED, message('old-a'), text('who'), text('le'), end('old-a'), message('old-b')];
    const told = toldOf(first, [...again, text('half and half'), end('old-b'), DONE]);
    expect(inShort(told).filter((line) => line.includes('running'))).toHaveLength(1);
    expect(inShort(told).filter((line) => line.includes('message-start'))).toHaveLength(2);
    expect([...shown(told)]).toEqual([
      ['old-a', 'whole'],
      ['old-b', 'half and half'],
    ]);
    expect(told.map(({ seq }) => seq)).toEqual(told.map((_, nth) => 3_000_000_001 + nth));
  });

  it('takes back what it says otherwise, and repeats nothing of what holds', () => {
    const again: Said[] = [
      RESET,
      STARTED,
      message('old-a'),
      text('whole'),
      end('old-a'),
      message('new-b'),
      text('other'),
    ];
    const told = inShort(toldOf(first, [...again, end('new-b'), DONE]));
    const voided = told.findIndex((line) => line.includes('superseded'));
    expect(told[voided]).toMatch(/^messages error/);
    expect(told.slice(voided).filter((line) => line.includes('old-a'))).toEqual([]);
    expect(told.slice(voided).filter((line) => line.includes('message-start'))).toEqual([
      'messages message-start {"id":"new-b","role":"ai"}',
      // nothing takes a message away from a client without a state: it is made empty
      'messages message-start {"id":"old-b","role":"ai"}',
    ]);
    expect(told.at(-2)).toBe('messages message-finish {"reason":"superseded"}');
    expect(told.at(-1)).toBe('lifecycle completed {}');
  });

  it('lets a client drop the messages that are void, where it has a state', () => {
    const values: Said = [
      'state',
      { mode: 'values', data: { messages: [{ type: 'human', id: 'h', content: 'Why?' }] } },
    ];
    const said = first.toSpliced(1, 0, values);
    const again: Said[] = [RESET, STARTED, values, message('new-a'), text('other'), end('new-a'), DONE];
    const told = toldOf(said, again);
    expect([...shown(told)]).toEqual([['new-a', 'other']]);
    const states = told.filter(({ method }) => method === 'values').map(({ params }) => params.data['messages']);
    expect(states.at(-3)).toMatchObject([{ id: 'h' }, { id: 'old-a' }, { id: 'old-b' }]);
    expect(states.at(-1)).toMatchObject([{ id: 'h' }]);
  });

  it('says a plain answer anew in its place', () => {
    const told = toldOf([STARTED, text('Once upon')], [RESET, STARTED, text('Long'), text(' ago, once'), DONE]);
    for (const assembler of [new MessageAssembler(), new MessageAssembler11()]) {
      expect([...shown(told, assembler as Assembler).values()]).toEqual(['Long ago, once']);
    }
  });
});

describe('any log', () => {
  const plans = fc.array(fc.boolean(), { minLength: 1, maxLength: 40 });

  it('is told with the same events, numbers and ids on every node, however it is cut into batches', () => {
    fc.assert(
      fc.property(histories, plans, plans, (log, plan, other) => {
        const whole = read(bodyOf(log, { plan }));
        expect(read(bodyOf(log, { plan: other }))).toEqual(whole);
        expect(new Set(whole.map(({ event_id }) => event_id)).size).toBe(whole.length);
      }),
    );
  });

  it('is told on after any `since`, without gap or repeat', () => {
    fc.assert(
      fc.property(
        histories,
        plans,
        plans,
        fc.nat(),
        fc.subarray(ALL, { minLength: 1 }),
        (log, plan, later, cut, channels) => {
          const format = new LangGraphThreadFormat();
          const whole = read(bodyOf(log, { plan, format }));
          const nth = cut % (whole.length + 1);
          const since = nth === 0 ? 0 : (whole[nth - 1]?.seq ?? 0);
          expect(read(bodyOf(log, { plan: later, since, format }))).toEqual(whole.slice(nth));
          const chosen = whole.filter(({ method }) =>
            channels.includes(method === 'input.requested' ? 'input' : method),
          );
          expect(read(bodyOf(log, { plan: later, selection: { channels } }))).toEqual(chosen);
        },
      ),
    );
  });

  it('leaves real clients with no half message said twice, and ends once', () => {
    fc.assert(
      fc.property(histories, plans, (log, plan) => {
        const told = read(bodyOf(log, { plan }));
        const ends = told.filter(({ method, params }) => method === 'lifecycle' && params.data['event'] !== 'running');
        expect(ends).toHaveLength(1);
        for (const assembler of [new MessageAssembler(), new MessageAssembler11()]) {
          const messages = shown(told, assembler as Assembler);
          const last = log.at(-1);
          if (last?.type !== 'done') continue;
          for (const [id, words] of lastAttempt(log)) expect(messages.get(id) ?? '').toBe(words);
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** The text of each message of the last attempt, by id; what names no open message is nowhere. */
function lastAttempt(log: readonly StoredEvent[]): Map<string, string> {
  const first = log.findLastIndex(({ type }) => type === 'reset');
  const messages = new Map<string, string>();
  const open = new Set<string>();
  let current = `${JOB.id}-said-0`;
  let isImplicit = true;
  for (const { id, type, data } of log) {
    if (first !== -1 && compareEventIds(id, log[first]?.id ?? LOG_START) <= 0) continue;
    const event = JSON.parse(data) as { messageId?: string; text: string };
    const at = event.messageId ?? current;
    if (type === 'message_start') {
      current = at;
      isImplicit = false;
      open.add(at);
      messages.set(at, '');
    } else if (type === 'message_end') {
      open.delete(at);
    } else if (type === 'text' && (open.has(at) || (isImplicit && event.messageId === undefined))) {
      messages.set(at, (messages.get(at) ?? '') + event.text);
    }
  }
  return messages;
}
