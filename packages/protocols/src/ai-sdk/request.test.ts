import { describe, expect, it } from '@jest/globals';
import { threadIdSchema } from '@millrace/contracts';
import fc from 'fast-check';
import { type FieldFault, RequestFault } from '../foreign/request-fault.ts';
import { aiSdkRequest, threadIdOfChat } from './request.ts';

const user = (text: string, id = 'u1') => ({ id, role: 'user', parts: [{ type: 'text', text }] });
const assistant = (...parts: object[]) => ({ id: 'a1', role: 'assistant', parts });
const text = (value: string) => ({ type: 'text', text: value, state: 'done' });
const tool = (state: string, more: object = {}) => ({
  ...{ type: 'tool-look', toolCallId: 'c1', state, input: { at: 'it' } },
  ...more,
});
const call = { callId: 'c1', name: 'look', arguments: '{"at":"it"}' };

function faultsOf(body: unknown): readonly FieldFault[] {
  try {
    aiSdkRequest(body);
  } catch (error) {
    if (error instanceof RequestFault) return error.errors;
    throw error;
  }
  return [];
}

const messagesOf = (...messages: object[]) => aiSdkRequest({ messages }).job.messages;

describe('the messages of a client', () => {
  it('become those of a model', () => {
    expect(
      messagesOf(
        { role: 'system', parts: [text('be '), text('brief')] },
        user('look'),
        assistant(
          { type: 'step-start' },
          { type: 'reasoning', text: 'hm' },
          text('I look'),
          tool('output-available', { output: { cats: 1 } }),
          { type: 'step-start' },
          text('A cat'),
          { type: 'data-note', data: 1 },
          { type: 'source-url', sourceId: 's', url: 'https://x' },
        ),
        { id: 'u2', role: 'user', parts: [text('and '), { type: 'data-x', data: 1 }, text('now?')] },
      ),
    ).toEqual([
      { role: 'system', content: 'be brief' },
      { role: 'user', content: 'look' },
      { role: 'assistant', content: 'I look', toolCalls: [call] },
      { role: 'tool', toolCallId: 'c1', name: 'look', content: '{"cats":1}' },
      { role: 'assistant', content: 'A cat' },
      { role: 'user', content: 'and now?' },
    ]);
  });

  it.each([
    [tool('output-available', { output: 'a cat' }), 'a cat'],
    [tool('output-available', {}), 'null'],
    [tool('output-error', { errorText: 'gone', input: undefined, rawInput: { at: 'it' } }), 'gone'],
    [tool('output-denied', { approval: { id: 'x', approved: false, reason: 'no' } }), 'no'],
    [{ ...tool('output-available', { output: 'a cat' }), type: 'dynamic-tool', toolName: 'look' }, 'a cat'],
  ])('bring the result of a tool %#', (part, content) => {
    expect(messagesOf(user('u'), assistant(part))?.slice(1)).toEqual([
      { role: 'assistant', content: '', toolCalls: [call] },
      { role: 'tool', toolCallId: 'c1', name: 'look', content },
    ]);
  });

  it.each(['input-streaming', 'input-available', 'approval-requested'])(
    'leave out a call without result: %s',
    (state) => {
      const approval = { id: 'x' };
      expect(messagesOf(user('u'), assistant(text('I look'), tool(state, { approval })), user('v'))).toEqual([
        { role: 'user', content: 'u' },
        { role: 'assistant', content: 'I look' },
        { role: 'user', content: 'v' },
      ]);
      expect(messagesOf(user('u'), assistant(tool(state, { approval })), user('v'))).toHaveLength(2);
    },
  );

  it('bring files', () => {
    const file = (url: string, mediaType?: string, filename?: string) => ({ type: 'file', url, mediaType, filename });
    expect(
      messagesOf({
        role: 'user',
        parts: [
          file('data:image/png;base64,iVBORw0KGgo=', 'image/png', 'a.png'),
          file('https://x.example/a', 'image/*'),
          file('data:text/plain,a%20b', 'text/plain'),
          file('https://x.example/b.mp3', 'audio/mpeg'),
        ],
      }),
    ).toEqual([
      {
        role: 'user',
        content: [
          { type: 'image', data: 'iVBORw0KGgo=', mediaType: 'image/png', name: 'a.png' },
          { type: 'image', url: 'https://x.example/a' },
          { type: 'file', data: 'YSBi', mediaType: 'text/plain' },
          { type: 'audio', url: 'https://x.example/b.mp3', mediaType: 'audio/mpeg' },
        ],
      },
    ]);
    for (const url of ['blob:https://x/1', 'nonsense', 'data:text/plain,%', 'data:nothing']) {
      expect(faultsOf({ messages: [user('u'), { role: 'user', parts: [file(url, 'image/png')] }] })).toMatchObject([
        { pointer: '/messages/1/parts/0/url' },
      ]);
    }
  });

  it('of version 4 are understood', () => {
    expect(messagesOf({ id: '1', role: 'user', content: 'hi' })).toEqual([{ role: 'user', content: 'hi' }]);
  });
});

describe('what is new', () => {
  const asked = (...messages: object[]) => {
    const { job, known } = aiSdkRequest({ messages });
    return job.messages?.slice(known).map(({ content }) => content);
  };

  it('is all after the last answer', () => {
    expect(asked(user('a'), user('b'))).toEqual(['a', 'b']);
    expect(asked(user('a'), assistant(text('b')), user('c'), user('d'))).toEqual(['c', 'd']);
    expect(asked(user('a'), assistant(tool('output-available')))).toEqual([]);
  });
});

describe('a request', () => {
  it('names its chat, and its thread where it has no chat', () => {
    expect(aiSdkRequest({ id: 'chat-1', messages: [user('a')] }).job.threadId).toBe('chat-1');
    expect(aiSdkRequest({ threadId: 't-1', messages: [user('a')] }).job.threadId).toBe('t-1');
    expect(aiSdkRequest({ messages: [user('a')] }).job.threadId).toBeUndefined();
    expect(faultsOf({ id: 'c', threadId: 'd', messages: [user('a')] })).toMatchObject([{ pointer: '/threadId' }]);
    expect(faultsOf({ threadId: 'd d', messages: [user('a')] })).toMatchObject([{ pointer: '/threadId' }]);
  });

  it('asks again', () => {
    const messages = [user('a'), assistant(text('b')), user('c', 'u2')];
    expect(aiSdkRequest({ messages }).asksAgain).toBeNull();
    expect(aiSdkRequest({ messages, messageId: 'a1' }).asksAgain).toBeNull();
    const { asksAgain, job, continues } = aiSdkRequest({ messages, trigger: 'regenerate-message', messageId: 'x' });
    expect({ asksAgain, continues, onBusy: job.onBusy }).toEqual({
      ...{ asksAgain: { questions: 2 }, continues: false, onBusy: 'rollback' },
    });
    expect(aiSdkRequest({ messages, trigger: 'submit-message', messageId: 'u2' }).asksAgain).toEqual({ questions: 2 });
  });

  it('goes on with the last message, where that is an answer', () => {
    const part = tool('output-available', { output: 1 });
    expect(aiSdkRequest({ messages: [user('a'), assistant(part)] }).continues).toBe(true);
    expect(aiSdkRequest({ messages: [user('a')] }).continues).toBe(false);
  });

  it('answers the questions of an agent with what was decided', () => {
    const approval = (id: string, approved: boolean, reason?: string) =>
      tool('approval-responded', { approval: { id, approved, reason } });
    const messages = [
      user('a'),
      assistant(approval('i1#1', false, 'no'), approval('i1#0', true), approval('i2#0', true)),
    ];
    const { job } = aiSdkRequest({ id: 'c', pipeline: 'p', messages });
    expect(job).toMatchObject({
      threadId: 'c',
      resume: {
        i1: { decisions: [{ type: 'approve' }, { type: 'reject', message: 'no' }] },
        i2: { decisions: [{ type: 'approve' }] },
      },
    });
    expect(job.messages).toBeUndefined();
    const half = [
      user('a'),
      assistant(approval('i1#1', true), tool('approval-requested', { approval: { id: 'i1#0' } })),
    ];
    expect(faultsOf({ id: 'c', messages: half })).toMatchObject([{ pointer: '/messages/1' }]);
    expect(aiSdkRequest({ id: 'c', pipeline: 'p', messages, resume: false }).job.resume).toBe(false);
  });

  it('may set what a job may set, also in the words of the AI SDK', () => {
    const { job } = aiSdkRequest({
      ...{
        messages: [user('a')],
        model: 'pipeline/support',
        temperature: 0.5,
        maxOutputTokens: 5,
        stopSequences: ['x'],
      },
      ...{ tools: { look: { description: 'd', parameters: { type: 'object' } } }, config: { a: 1 } },
      ...{ toolChoice: { type: 'tool', toolName: 'look' }, system: 'be brief', metadata: { a: { b: 1 } }, unknown: 1 },
    });
    expect(job).toMatchObject({
      ...{ pipeline: 'support', temperature: 0.5, maxTokens: 5, stop: ['x'], config: { a: 1 } },
      ...{ tools: [{ name: 'look', description: 'd', parameters: { type: 'object' } }], toolChoice: { name: 'look' } },
      messages: [
        { role: 'system', content: 'be brief' },
        { role: 'user', content: 'a' },
      ],
    });
    expect(job.model).toBeUndefined();
    expect(job.metadata).toBeUndefined();
    expect(aiSdkRequest({ messages: [user('a')], tools: {}, system: null }).job.tools).toBeUndefined();
  });

  it.each([
    [{}, '/messages'],
    [undefined, '/messages'],
    [null, '/messages'],
    ['text', ''],
    [{ messages: [] }, '/messages'],
    [{ messages: [{ role: 'user', parts: [] }] }, '/messages'],
    [{ messages: [{ role: 'robot', parts: [] }] }, '/messages/0/role'],
    [{ messages: [{ role: 'user' }] }, '/messages/0/parts'],
    [{ messages: [{ role: 'user', parts: [{ type: 'text' }] }] }, '/messages/0/parts/0/text'],
    [{ messages: [user('a')], temperature: 5 }, '/temperature'],
    [{ messages: [user('a')], maxOutputTokens: 0 }, '/maxOutputTokens'],
    [{ messages: [user('a')], topK: 5 }, '/topK'],
    [{ messages: [user('a')], trigger: 'other' }, '/trigger'],
    [{ messages: [user('a')], tools: { look: { parameters: 5 } } }, '/tools/look/parameters'],
    [
      { messages: [user('a'), assistant(tool('output-available', { toolCallId: '' }))] },
      '/messages/1/parts/0/toolCallId',
    ],
    [{ messages: [user('a')], resume: 1 }, '/threadId'],
    [{ messages: [user('a')], id: 'x'.repeat(600) }, '/id'],
  ])('with a fault names it %#', (body, pointer) => {
    expect(faultsOf(body).map((fault) => fault.pointer)).toContain(pointer);
  });
});

describe('a fault that is found later', () => {
  it('is named as the client has it', () => {
    const { fieldOf } = aiSdkRequest({
      id: 'c',
      system: 's',
      messages: [user('a')],
      model: 'pipeline/p',
      maxOutputTokens: 1,
    });
    expect(
      ['/pipeline', '/maxTokens', '/messages/0', '/messages/1/content', '/threadId', '/config/a~1b', ''].map(fieldOf),
    ).toEqual([...['/model', '/maxOutputTokens', '/system', '/messages/0', '/id', '/config/a~1b', '']]);
  });
});

describe('the thread of a chat', () => {
  it('has its id, or a hash of it', () => {
    expect(threadIdOfChat('Ab3-_9')).toBe('Ab3-_9');
    for (const id of ['a b', 'ü', '../x', 'x'.repeat(65), '\0']) {
      expect(threadIdSchema.safeParse(threadIdOfChat(id)).success).toBe(true);
      expect(threadIdOfChat(id)).toBe(threadIdOfChat(id));
    }
    expect(threadIdOfChat('a b')).not.toBe(threadIdOfChat('a  b'));
  });
});

describe('any request (property)', () => {
  const part = fc.oneof(
    fc.record({ type: fc.constant('text'), text: fc.string() }),
    fc.record({ type: fc.constant('step-start') }),
    fc.record({ type: fc.constant('reasoning'), text: fc.string() }),
    fc.record({
      type: fc.constantFrom('tool-look', 'dynamic-tool'),
      toolName: fc.constant('look'),
      toolCallId: fc.constantFrom('c1', 'c2'),
      state: fc.constantFrom('input-available', 'output-available', 'output-error', 'approval-responded'),
      input: fc.json().map((json) => JSON.parse(json) as unknown),
      output: fc.json().map((json) => JSON.parse(json) as unknown),
      approval: fc.record({ id: fc.constantFrom('i#0', 'i#1', 'x', '#'), approved: fc.boolean() }),
    }),
    fc.record({
      type: fc.constant('file'),
      url: fc.constantFrom('data:image/png;base64,AA==', 'https://x', 'data:,%'),
      mediaType: fc.string(),
    }),
    fc.record({ type: fc.constant('data-x'), data: fc.anything() }),
  );
  const body = fc.record(
    {
      id: fc.string(),
      messages: fc.array(
        fc.record({
          id: fc.string(),
          role: fc.constantFrom('user', 'assistant', 'system'),
          parts: fc.array(part, { maxLength: 4 }),
        }),
        { minLength: 1, maxLength: 4 },
      ),
      trigger: fc.constantFrom('submit-message', 'regenerate-message'),
      messageId: fc.string(),
      temperature: fc.double({ min: 0, max: 2, noNaN: true }),
      maxOutputTokens: fc.integer({ min: 1, max: 9 }),
      tools: fc.dictionary(fc.constantFrom('look', 'find'), fc.record({ parameters: fc.constant({}) })),
      system: fc.string(),
    },
    { requiredKeys: ['messages'] },
  );

  it('is a job, or a fault with a pointer', () => {
    fc.assert(
      fc.property(body, (given) => {
        for (const { pointer, detail } of faultsOf(given)) {
          expect(pointer).toMatch(/^(\/|$)/);
          expect(detail).not.toBe('');
        }
      }),
    );
  });

  it('mutated anywhere, is refused or understood, never a crash', () => {
    fc.assert(
      fc.property(body, fc.nat(), fc.anything(), (given, place, value) => {
        let left = place % 40;
        const mutated = JSON.parse(JSON.stringify(given), (_, each: unknown) =>
          left-- === 0 ? value : each,
        ) as unknown;
        expect(Array.isArray(faultsOf(mutated))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('that is one keeps every field that changes the answer', () => {
    fc.assert(
      fc.property(body, (given) => {
        if (faultsOf(given).length > 0) return;
        const { job } = aiSdkRequest(given);
        expect(job.temperature).toBe(given.temperature);
        expect(job.maxTokens).toBe(given.maxOutputTokens);
        if (given.system && job.messages !== undefined) expect(job.messages[0]?.content).toBe(given.system);
        expect(job.tools?.length ?? 0).toBe(Object.keys(given.tools ?? {}).length);
      }),
    );
  });
});
