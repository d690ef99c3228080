import { HttpAgent } from '@ag-ui/client';
import { describe, expect, it } from '@jest/globals';
import { eventId, type StoredEvent, type StreamEventType } from '@millrace/contracts';
import { HttpAgent as HttpAgent0 } from 'ag-ui-client-0';
import fc from 'fast-check';
import { histories, JOB } from '../testing/histories.ts';
import { AG_UI_FORMATS, type AgUiVersion } from './frames.ts';

type Said = [StreamEventType, object];
interface Told {
  readonly type: string;
  readonly [field: string]: unknown;
}

const usage = { inputTokens: 3, outputTokens: 4 };
const DONE: Said = ['done', { finishReason: 'stop', usage }];

function bodyOf(log: readonly StoredEvent[], version: AgUiVersion): string {
  const encoder = AG_UI_FORMATS[version].connect(JOB);
  let body = '';
  for (const event of log) {
    const { bytes, outcome } = encoder.encode({ events: [event], replay: false });
    body += bytes?.toString() ?? '';
    if (outcome !== 'continue') break;
  }
  return body;
}

function logOf(said: readonly Said[]): StoredEvent[] {
  return said.map(([type, data], index) => ({ id: eventId(1, index + 1), type, data: JSON.stringify(data) }));
}

function toldOf(said: readonly Said[], version: AgUiVersion = '1.0'): Told[] {
  const blocks = bodyOf(logOf(said), version).split('\n\n').slice(0, -1);
  return blocks.map((block) => JSON.parse(block.replace('data: ', '')) as Told);
}

const inShort = (told: readonly Told[]) =>
  told.map(({ type, messageId, toolCallId, delta }) =>
    [type, toolCallId ?? messageId, delta].filter((word) => word !== undefined).join(' '),
  );

/** Runs a real client on a body. */
async function read(version: AgUiVersion, body: string) {
  const Agent = version === '1.0' ? HttpAgent : (HttpAgent0 as unknown as typeof HttpAgent);
  const headers = { 'content-type': 'text/event-stream' };
  const agent = new Agent({ url: 'http://localhost/ag-ui', fetch: async () => new Response(body, { headers }) });
  const ends: string[] = [];
  await agent.runAgent(
    {},
    {
      onRunFinishedEvent: (finished) => void ends.push((finished as { outcome?: string }).outcome ?? 'success'),
      onRunErrorEvent: ({ event }) => void ends.push(`error ${event.code}`),
    },
  );
  return { messages: agent.messages, state: agent.state as unknown, ends };
}

/** Parallel messages may mix: what counts is that nothing is missing. */
const lettersOf = (texts: readonly string[]) =>
  [...texts.join('').toWellFormed()].sort((one, other) => Number(one.codePointAt(0)) - Number(other.codePointAt(0)));

describe('a run of AG-UI', () => {
  it('says an answer as one message', () => {
    const told = toldOf([['started', {}], ['text', { text: 'Hi' }], ['text', { text: ' there' }], DONE]);
    expect(told).toEqual([
      { type: 'RUN_STARTED', threadId: JOB.id, runId: JOB.id, protocolVersion: '1.0' },
      { type: 'TEXT_MESSAGE_START', messageId: JOB.id, role: 'assistant' },
      { type: 'TEXT_MESSAGE_CONTENT', messageId: JOB.id, delta: 'Hi' },
      { type: 'TEXT_MESSAGE_CONTENT', messageId: JOB.id, delta: ' there' },
      { type: 'TEXT_MESSAGE_END', messageId: JOB.id },
      {
        ...{ type: 'RUN_FINISHED', threadId: JOB.id, runId: JOB.id, outcome: { type: 'success' } },
        usage: [{ provider: 'openai', model: 'm', inputTokens: 3, outputTokens: 4 }],
      },
    ]);
  });

  it('closes reasoning before the text of the message, and a call when it is whole', () => {
    const told = toldOf([
      ['message_start', { messageId: 'm1', node: 'model' }],
      ['reasoning', { text: 'Hm' }],
      ['text', { text: 'Let me look.' }],
      ['tool_call_start', { callId: 'c1', name: 'look' }],
      ['tool_call_delta', { callId: 'c1', arguments: '{"a"' }],
      ['tool_call_delta', { callId: 'c1', arguments: ':1}' }],
      ['tool_call', { callId: 'c1', name: 'look', arguments: '{"a":1}' }],
      ['tool_call', { callId: 'c2', name: 'look', arguments: '{}' }],
      ['message_end', { messageId: 'm1', finishReason: 'tool_calls' }],
      ['tool_result', { callId: 'c1', name: 'look', content: 'seen', isError: false }],
      DONE,
    ]);
    expect(inShort(told).slice(1)).toEqual([
      ...['REASONING_START m1-reasoning', 'REASONING_MESSAGE_START m1-reasoning'],
      ...[
        'REASONING_MESSAGE_CONTENT m1-reasoning Hm',
        'REASONING_MESSAGE_END m1-reasoning',
        'REASONING_END m1-reasoning',
      ],
      ...['TEXT_MESSAGE_START m1', 'TEXT_MESSAGE_CONTENT m1 Let me look.'],
      ...['TOOL_CALL_START c1', 'TOOL_CALL_ARGS c1 {"a"', 'TOOL_CALL_ARGS c1 :1}', 'TOOL_CALL_END c1'],
      ...['TOOL_CALL_START c2', 'TOOL_CALL_ARGS c2 {}', 'TOOL_CALL_END c2'],
      ...['TEXT_MESSAGE_END m1', 'TOOL_CALL_RESULT c1', 'RUN_FINISHED'],
    ]);
  });

  it('names the calls that its caller must answer', () => {
    const call: Said = ['tool_call', { callId: 'c1', name: 'look', arguments: '{}' }];
    const told = toldOf([call, ['done', { finishReason: 'tool_calls', usage }]]);
    expect(told.at(-1)).toMatchObject({ outcome: { type: 'success', pendingToolCallIds: ['c1'] } });
  });

  it('tells the state once, and then what changed in it', () => {
    const values = (data: object, namespace?: string[]): Said => ['state', { mode: 'values', data, namespace }];
    const long = 'x'.repeat(200);
    const told = toldOf([
      values({ messages: [1], plan: [long], step: 1 }),
      values({ messages: [1, 2], plan: [long], step: 1 }),
      values({ other: true }, ['sub']),
      values({ messages: [1, 2], plan: [long, 'b'], step: 2 }),
      ['state', { mode: 'updates', data: { node: {} } }],
      DONE,
    ]);
    expect(told.slice(1, -1)).toEqual([
      { type: 'STATE_SNAPSHOT', snapshot: { plan: [long], step: 1 } },
      {
        type: 'STATE_DELTA',
        delta: expect.arrayContaining([
          { op: 'replace', path: '/step', value: 2 },
          { op: 'add', path: '/plan/1', value: 'b' },
        ]),
      },
    ]);
  });

  it('asks a person at its end', () => {
    const told = toldOf([
      ['interrupt', { interruptId: 'i1', value: 'Send it?', node: 'ask' }],
      ['interrupt', { interruptId: 'i2', value: { to: null } }],
      ['done', { finishReason: 'interrupt', usage }],
    ]);
    expect(told.at(-1)).toMatchObject({
      outcome: {
        type: 'interrupt',
        interrupts: [
          { id: 'i1', reason: 'input_required', message: 'Send it?', metadata: { value: 'Send it?', node: 'ask' } },
          { id: 'i2', reason: 'input_required', metadata: { value: { to: null } } },
        ],
      },
    });
  });

  it.each<[AgUiVersion, string]>([
    ['1.0', 'cancelled'],
    ['0.0', 'error CANCELLED'],
  ])('that was cancelled is no success (%s)', async (version, end) => {
    const log = logOf([
      ['text', { text: 'half' }],
      ['cancelled', { by: 'owner' }],
    ]);
    expect((await read(version, bodyOf(log, version))).ends).toEqual([end]);
  });

  it('whose answer began anew, and says another, ends in an error', async () => {
    const log = [
      ...logOf([
        ['started', {}],
        ['text', { text: 'one' }],
      ]),
      { id: '2-1', type: 'reset', data: '{"attempt":2,"reason":"worker-lost"}' } as const,
      { id: '2-2', type: 'text', data: '{"text":"two and more"}' } as const,
    ];
    expect((await read('1.0', bodyOf(log, '1.0'))).ends).toEqual(['error WORKER_LOST']);
  });

  it('has no null that a client would refuse', () => {
    fc.assert(
      fc.property(histories, (log) => {
        for (const version of ['1.0', '0.0'] as const) {
          for (const block of bodyOf(log, version).split('\n\n').slice(0, -1)) {
            const { snapshot: _, value: __, ...fields } = JSON.parse(block.replace('data: ', '')) as Told;
            expect(Object.values(fields)).not.toContain(null);
          }
        }
      }),
    );
  });
});

describe.each<[AgUiVersion]>([['1.0'], ['0.0']])('the client of version %s', (version) => {
  it('takes any run, and has the whole answer of one that is done', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (log) => {
        const { messages, ends } = await read(version, bodyOf(log, version));
        expect(ends).toHaveLength(1);
        const isDone = log.at(-1)?.type === 'done' && !ends[0]?.startsWith('error');
        if (!isDone) return;
        const last = log.findLastIndex(({ type }) => type === 'reset');
        const answer = log
          .slice(last + 1)
          .map(({ type, data }) => (type === 'text' ? (JSON.parse(data) as { text: string }).text : ''));
        const said = messages.flatMap(({ role, content }) =>
          role === 'assistant' && typeof content === 'string' ? [content] : [],
        );
        expect(lettersOf(said)).toEqual(lettersOf(answer));
      }),
      { numRuns: 60 },
    );
  });

  it('has the state as the agent left it', async () => {
    const states = [
      { plan: ['a'], step: 1 },
      { plan: ['a', 'b'], step: 2, note: { by: 'me' } },
      { plan: [], step: 3 },
    ];
    const said = states.map((data): Said => ['state', { mode: 'values', data: { ...data, messages: [] } }]);
    expect((await read(version, bodyOf(logOf([...said, DONE]), version))).state).toEqual(states.at(-1));
  });
});
