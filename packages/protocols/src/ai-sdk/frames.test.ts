import { describe, expect, it } from '@jest/globals';
import {
  type EventId,
  eventId,
  type StoredEvent,
  type StreamEventData,
  type StreamEventType,
} from '@millrace/contracts';
import * as ai7 from 'ai';
import * as ai5 from 'ai-v5';
import * as ai6 from 'ai-v6';
import fc from 'fast-check';
import { chunksIn } from '../testing/ai-sdk.ts';
import { histories, JOB } from '../testing/histories.ts';
import { type AiSdkStream, aiSdkFormat } from './frames.ts';

const ANSWER: AiSdkStream = { continues: false, counted: true, approvals: true, whenVoid: 'error' };
const USAGE = { inputTokens: 3, outputTokens: 4 };
const TIMINGS = { queueMs: 1, firstTokenMs: 2, totalMs: 3 };

type Given = { [T in StreamEventType]: [type: T, data: StreamEventData[T]] }[StreamEventType];

/** A log of one attempt. */
function logOf(...events: readonly Given[]): StoredEvent[] {
  const begin: Given[] = [['started', { attempt: 1, model: JOB.model }]];
  return [...begin, ...events].map(([type, data], index) => at(eventId(1, index + 1), type, data));
}

function at(id: EventId, type: StreamEventType, data: unknown): StoredEvent {
  return { id, type, data: JSON.stringify(data) };
}

const text = (value: string, messageId?: string): Given => [
  'text',
  { ...(messageId ? { messageId } : {}), text: value },
];
const done = (finishReason: string): Given => ['done', { finishReason, usage: USAGE, timings: TIMINGS }];

function bodyOf(log: readonly StoredEvent[], stream: Partial<AiSdkStream> = {}): string {
  const encoder = aiSdkFormat({ ...ANSWER, ...stream }).connect(JOB);
  return encoder.encode({ events: log, replay: false }).bytes?.toString() ?? '';
}

/** The UTF-16 code units of texts, in no order. */
const lettersIn = (texts: readonly string[]) =>
  texts
    .join('')
    .split('')
    .sort((one, other) => (one < other ? -1 : 1));

const typesIn = (body: string) => chunksIn(body).map(({ type }) => type);

/** What a client makes of a body.
 *  @throws the client's error */
async function read({ DefaultChatTransport, readUIMessageStream }: typeof ai7, body: string, last?: ai7.UIMessage) {
  const fetch = async () => new Response(body);
  const stream = await new DefaultChatTransport({ fetch }).sendMessages({
    ...{ trigger: 'submit-message', chatId: 'c', messageId: undefined, messages: [], abortSignal: undefined },
  });
  const message = last === undefined ? {} : { message: structuredClone(last) };
  let newest: ai7.UIMessage | undefined;
  for await (newest of readUIMessageStream({ stream, terminateOnError: true, ...message }));
  return newest;
}

const CLIENTS: readonly [name: string, client: typeof ai7][] = [
  ['ai 5', ai5 as unknown as typeof ai7],
  ['ai 6', ai6 as unknown as typeof ai7],
  ['ai 7', ai7],
];

describe('a UI message stream', () => {
  it('says an answer of one message', () => {
    const body = bodyOf(logOf(['reasoning', { text: 'hm' }], text('Hel'), text('lo "you"\n'), done('stop')));
    expect(chunksIn(body)).toEqual([
      { type: 'start', messageId: JOB.id },
      { type: 'start-step' },
      { type: 'reasoning-start', id: 'reasoning-1' },
      { type: 'reasoning-delta', id: 'reasoning-1', delta: 'hm' },
      { type: 'reasoning-end', id: 'reasoning-1' },
      { type: 'text-start', id: 'text-2' },
      { type: 'text-delta', id: 'text-2', delta: 'Hel' },
      { type: 'text-delta', id: 'text-2', delta: 'lo "you"\n' },
      { type: 'text-end', id: 'text-2' },
      { type: 'finish-step' },
      {
        type: 'finish',
        finishReason: 'stop',
        messageMetadata: {
          ...{ jobId: JOB.id, model: JOB.model, usage: { ...USAGE, totalTokens: 7 }, timings: TIMINGS },
        },
      },
    ]);
    expect(body.endsWith('data: [DONE]\n\n')).toBe(true);
  });

  it('has the headers that clients look for', () => {
    expect(aiSdkFormat(ANSWER).headers(JOB)).toEqual({
      'X-Vercel-AI-UI-Message-Stream': 'v1',
      'X-Workflow-Run-Id': JOB.id,
    });
  });

  it.each([
    ['stop', 'stop'],
    ['length', 'length'],
    ['content_filter', 'content-filter'],
    ['tool_calls', 'tool-calls'],
    ['interrupt', 'other'],
    ['whatever', 'other'],
  ])('says the finish reason %s as %s', (ours, theirs) => {
    expect(chunksIn(bodyOf(logOf(done(ours)))).at(-1)).toMatchObject({ type: 'finish', finishReason: theirs });
  });

  it('ends a failed answer with the error, then with a finish for those who would reconnect', () => {
    const body = bodyOf(logOf(text('half'), ['error', { code: 'MODEL_ERROR', message: 'no luck', retryable: true }]));
    expect(chunksIn(body).slice(-3)).toEqual([
      { type: 'finish-step' },
      { type: 'error', errorText: 'no luck' },
      {
        type: 'finish',
        finishReason: 'error',
        messageMetadata: { jobId: JOB.id, model: JOB.model, error: { code: 'MODEL_ERROR', retryable: true } },
      },
    ]);
  });

  it('says abort and finish where the job was cancelled, also before it began', () => {
    expect(typesIn(bodyOf(logOf(text('half'), ['cancelled', { by: 'owner' }]))).slice(-3)).toEqual([
      'finish-step',
      'abort',
      'finish',
    ]);
    expect(typesIn(bodyOf([at('0-1', 'accepted', {}), at('0-2', 'cancelled', { by: 'owner' })]))).toEqual([
      'start',
      'abort',
      'finish',
    ]);
  });

  it('gives each message of an agent its step, and messages at once one together', () => {
    const begin = (messageId: string): Given => ['message_start', { messageId }];
    const end = (messageId: string): Given => ['message_end', { messageId, finishReason: 'stop' }];
    const log = logOf(
      ...[begin('a'), text('1'), end('a'), begin('b'), begin('c'), text('2', 'b'), text('3', 'c'), text('4', 'b')],
      ...[end('b'), text('5'), end('c'), done('stop')],
    );
    expect(chunksIn(bodyOf(log)).map(({ type, id, delta }) => [type, id, delta].filter(Boolean).join(' '))).toEqual([
      ...['start', 'start-step', 'text-start text-1', 'text-delta text-1 1', 'text-end text-1', 'finish-step'],
      ...['start-step', 'text-start text-2', 'text-delta text-2 2', 'text-start text-3', 'text-delta text-3 3'],
      ...['text-delta text-2 4', 'text-end text-2', 'text-delta text-3 5', 'text-end text-3', 'finish-step', 'finish'],
    ]);
  });

  it('says a tool call as it is written, and what the tool answered', () => {
    const body = bodyOf(
      logOf(
        text('I look'),
        ['tool_call_start', { callId: 'c1', name: 'look' }],
        ['tool_call_delta', { callId: 'c1', arguments: '{"at":' }],
        ['tool_call_delta', { callId: 'c1', arguments: '"it"}' }],
        ['tool_call', { callId: 'c1', name: 'look', arguments: '{"at":"it"}' }],
        ['tool_result', { callId: 'c1', name: 'look', content: '{"a":1}', isError: false }],
        ['tool_call', { callId: 'c2', name: 'look', arguments: '{}' }],
        ['tool_result', { callId: 'c2', name: 'look', content: 'gone', isError: true }],
        done('stop'),
      ),
    );
    const ofTool = { toolCallId: 'c1', toolName: 'look' };
    expect(chunksIn(body).filter(({ type }) => type.startsWith('tool-'))).toEqual([
      { type: 'tool-input-start', ...ofTool },
      { type: 'tool-input-delta', toolCallId: 'c1', inputTextDelta: '{"at":' },
      { type: 'tool-input-delta', toolCallId: 'c1', inputTextDelta: '"it"}' },
      { type: 'tool-input-available', ...ofTool, input: { at: 'it' } },
      { type: 'tool-output-available', toolCallId: 'c1', output: '{"a":1}' },
      { type: 'tool-input-available', toolCallId: 'c2', toolName: 'look', input: {} },
      { type: 'tool-output-error', toolCallId: 'c2', errorText: 'gone' },
    ]);
  });

  it('says what a pipeline writes as data, under its name or type, and with its id', () => {
    const body = bodyOf(
      logOf(
        ['custom', { name: 'note', data: [1] }],
        ['custom', { data: { type: 'progress', id: 'p', percent: 5 } }],
        ['custom', { data: 'bare' }],
        ['custom', { name: 'data-named', data: null }],
        ['state', { mode: 'values', data: { n: 1 }, node: 'x' }],
        done('stop'),
      ),
    );
    expect(chunksIn(body).slice(1, -1)).toEqual([
      { type: 'data-note', data: [1] },
      { type: 'data-progress', id: 'p', data: { type: 'progress', id: 'p', percent: 5 } },
      { type: 'data-custom', data: 'bare' },
      { type: 'data-named', data: null },
      { type: 'data-state', data: { mode: 'values', data: { n: 1 }, node: 'x' }, transient: true },
    ]);
  });

  describe('whose agent asks to approve tool calls', () => {
    const actions = [
      { name: 'mail', args: { to: 'a', text: 'x' } },
      { name: 'mail', args: { to: 'b', text: 'x' } },
    ];
    const asking = (actionRequests: readonly object[]) =>
      logOf(
        ['message_start', { messageId: 'm' }],
        ['tool_call', { callId: 'c1', name: 'mail', arguments: '{"text":"x","to":"b"}' }],
        ['tool_call', { callId: 'c2', name: 'mail', arguments: '{"text":"x","to":"a"}' }],
        ['message_end', { messageId: 'm', finishReason: 'tool_calls' }],
        ['interrupt', { interruptId: 'i1', value: { actionRequests }, node: 'hitl' }],
        done('interrupt'),
      );

    it('asks for each of them', () => {
      const chunks = chunksIn(bodyOf(asking(actions)));
      expect(chunks.filter(({ type }) => type === 'tool-approval-request')).toEqual([
        { type: 'tool-approval-request', approvalId: 'i1#0', toolCallId: 'c2' },
        { type: 'tool-approval-request', approvalId: 'i1#1', toolCallId: 'c1' },
      ]);
      expect(chunks).toContainEqual({
        type: 'data-interrupt',
        id: 'i1',
        data: { interruptId: 'i1', value: { actionRequests: actions }, node: 'hitl' },
      });
      expect(chunks.at(-1)).toMatchObject({ finishReason: 'tool-calls' });
    });

    it('asks only in data where the client cannot know all of them, or no approvals', () => {
      const types = typesIn(bodyOf(asking([...actions, { name: 'other', args: {} }])));
      expect(types).toContain('data-interrupt');
      expect(types).not.toContain('tool-approval-request');
      expect(typesIn(bodyOf(asking(actions), { approvals: false }))).not.toContain('tool-approval-request');
    });

    it.each(CLIENTS.slice(1))('waits for approval in %s', async (_, client) => {
      const message = await read(client, bodyOf(asking(actions)));
      expect(message?.parts.filter(({ type }) => type === 'tool-mail')).toMatchObject([
        { toolCallId: 'c1', state: 'approval-requested', approval: { id: 'i1#1' } },
        { toolCallId: 'c2', state: 'approval-requested', approval: { id: 'i1#0' } },
      ]);
    });
  });

  it.each(CLIENTS)('that continues an answer gives its tool calls their results in %s', async (_, client) => {
    const last: ai7.UIMessage = {
      ...{ id: 'mine', role: 'assistant' },
      parts: [
        { type: 'step-start' },
        { type: 'tool-look', toolCallId: 'c1', state: 'input-available', input: { at: 'it' } },
      ],
    };
    const log = logOf(
      ['tool_result', { callId: 'c1', name: 'look', content: 'a cat', isError: false }],
      text('A cat!'),
    );
    const body = bodyOf([...log, at('1-9', 'done', done('stop')[1])], { continues: true });
    const message = await read(client, body, last);
    expect(message?.id).toBe('mine');
    expect(message?.parts).toMatchObject([
      { type: 'step-start' },
      { type: 'tool-look', state: 'output-available', input: { at: 'it' }, output: 'a cat' },
      { type: 'step-start' },
      { type: 'text', text: 'A cat!', state: 'done' },
    ]);
  });

  it('is broken off, or ends in an error, where what was said is void', () => {
    const log = [
      ...logOf(text('one')),
      at('2-1', 'reset', { attempt: 2, reason: 'worker-lost' }),
      at('2-2', 'started', { attempt: 2, model: JOB.model }),
      at('2-3', 'text', { text: 'two' }),
      at('2-4', 'done', done('stop')[1]),
    ];
    const connect = (whenVoid: AiSdkStream['whenVoid']) => {
      const encoder = aiSdkFormat({ ...ANSWER, whenVoid }).connect(JOB);
      return encoder.encode({ events: log, replay: false });
    };
    expect(connect('break').outcome).toBe('abort');
    const { bytes, outcome } = connect('error');
    expect(outcome).toBe('end');
    expect(typesIn(bytes?.toString() ?? '').slice(-4)).toEqual(['text-end', 'finish-step', 'error', 'finish']);
  });

  it('resumes at the n-th chunk, and after the last one', () => {
    const log = logOf(text('a'), text('b'), done('stop'));
    const all = chunksIn(bodyOf(log));
    const format = aiSdkFormat(ANSWER);
    for (let index = 0; index <= all.length; index += 1) {
      const encoder = format.connect(JOB, format.positionOf(String(index)) ?? undefined);
      const { bytes } = encoder.encode({ events: log, replay: false });
      expect(chunksIn(bytes?.toString() ?? '')).toEqual(all.slice(index));
      expect(bytes?.toString()).toContain('[DONE]');
    }
  });

  it.each(CLIENTS)('is one that %s takes, whatever the log (property)', async (name, client) => {
    await fc.assert(
      fc.asyncProperty(histories, async (log) => {
        const end = log.at(-1)?.type;
        const approvals = name !== 'ai 5';
        const body = bodyOf(log.slice(log.findLastIndex(({ type }) => type === 'reset') + 1), { approvals });
        const answer = log
          .slice(log.findLastIndex(({ type }) => type === 'reset') + 1)
          .map(({ type, data }) => (type === 'text' ? (JSON.parse(data) as { text: string }).text : ''));
        if (end === 'error') {
          await expect(read(client, body)).rejects.toThrow('no');
        } else {
          const message = await read(client, body);
          expect(message?.id).toBe(JOB.id);
          // messages at once take turns in the log, and not in the parts
          const parts = message?.parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])) ?? [];
          expect(lettersIn(parts)).toEqual(lettersIn(answer));
        }
      }),
      { numRuns: 60 },
    );
  });
});
