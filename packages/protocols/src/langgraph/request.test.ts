import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RequestFault } from '../foreign/request-fault.ts';
import { langGraphProblem } from './errors.ts';
import { readModes } from './modes.ts';
import { assistantOf, type RunTarget, runRequest } from './request.ts';

const CHAT: RunTarget = { threadId: 't1', isAgent: false, isAtBreakpoint: false, needsValues: false };
const AGENT: RunTarget = { ...CHAT, isAgent: true };
const messages = [{ type: 'human', content: 'Hi', id: 'm1' }];
const bodyOf = (fields: object) => ({ assistant_id: 'chat', input: { messages }, ...fields });
const asked = (fields: object, target = CHAT) => runRequest(bodyOf(fields), target);

function faultsOf(fields: object, target = CHAT): string[] {
  try {
    asked(fields, target);
  } catch (error) {
    if (error instanceof RequestFault) return error.errors.map(({ pointer }) => pointer);
    throw error;
  }
  return [];
}

describe('a request for a run', () => {
  it('is a job in the thread of its URL', () => {
    const { job, messageIds, stream, makesThread } = asked({
      ...{ stream_mode: ['messages-tuple', 'values'], multitask_strategy: 'interrupt', on_disconnect: 'cancel' },
      ...{ after_seconds: 1.5, metadata: { a: 'b' }, if_not_exists: 'create', stream_subgraphs: true },
      config: { configurable: { model: 'gpt-4o', max_tokens: 9, thread_id: 't1', other: 1 }, tags: ['x'] },
    });
    expect(job).toMatchObject({
      ...{ pipeline: 'chat', threadId: 't1', messages: [{ role: 'user', content: 'Hi' }], onBusy: 'interrupt' },
      ...{ onDisconnect: 'cancel', delayMs: 1_500, metadata: { a: 'b' }, model: 'gpt-4o', maxTokens: 9 },
    });
    expect(job).not.toHaveProperty('streamModes');
    expect([messageIds, [...stream.modes], stream.subgraphs, makesThread]).toEqual([
      ...[['m1'], ['values', 'messages-tuple'], true, true],
    ]);
  });

  it('of an agent has its input as it is, and the modes that its job is asked for', () => {
    const input = { messages, plan: [1] };
    const fields = { input, config: { configurable: { tone: 'x' } }, stream_mode: ['updates', 'custom', 'tasks'] };
    expect(asked(fields, AGENT).job).toMatchObject({
      ...{ input, config: { tone: 'x' }, streamModes: ['updates', 'tasks'] },
    });
    expect(asked(fields, { ...AGENT, needsValues: true }).job.streamModes).toEqual(['values', 'updates', 'tasks']);
  });

  it.each([null, undefined, {}])('answers a question (input %j)', (input) => {
    expect(asked({ input, command: { resume: { ok: true } } }, AGENT).job).toMatchObject({ resume: { ok: true } });
    expect(asked({ input, command: { resume: null } }, AGENT).job.resume).toBeNull();
  });

  it('of an agent may run the graph in another way', () => {
    const fields = { config: { recursion_limit: 50 }, interrupt_before: ['tools'], interrupt_after: '*' };
    expect(asked(fields, AGENT).graphOptions).toEqual({
      ...{ recursionLimit: 50, interruptBefore: ['tools'], interruptAfter: '*' },
    });
    expect(asked({ interrupt_before: [], config: {} }, AGENT).graphOptions).toBeNull();
    expect(asked({ config: { recursion_limit: 50 } }).graphOptions).toBeNull();
  });

  it('has its values in either place, or in both', () => {
    const fields = { config: { configurable: { tone: 'dry', a: 1 } }, context: { tone: 'dry', b: 2 } };
    expect(asked(fields, AGENT).job.config).toEqual({ tone: 'dry', a: 1, b: 2 });
    expect(asked({ context: { model: 'gpt-4o' } }).job.model).toBe('gpt-4o');
  });

  it.each([null, undefined, {}])('goes on from a breakpoint (input %j)', (input) => {
    expect(asked({ input }, { ...AGENT, isAtBreakpoint: true }).job.resume).toBeNull();
    if (input === null || input === undefined) expect(faultsOf({ input }, AGENT)).toEqual(['/input']);
  });

  it('names the checkpoint where it goes on', () => {
    const ofPlace = { checkpoint: { checkpoint_id: 'c', checkpoint_ns: '', checkpoint_map: null } };
    expect(asked(ofPlace).checkpointId).toBe('c');
    expect(asked({ checkpoint_id: 'c', config: { configurable: { checkpoint_id: 'c' } } }).checkpointId).toBe('c');
    expect(asked({}).checkpointId).toBeNull();
  });

  it('may have what changes no answer', () => {
    const fields = {
      durability: 'async',
      checkpoint_during: true,
      feedback_keys: ['x'],
      interrupt_before: [],
      stream_resumable: true,
    };
    expect(faultsOf({ ...fields, context: {}, command: null, langsmith_tracer: {}, webhook: null })).toEqual([]);
  });

  it.each<[string, object, string, RunTarget?]>([
    ['without input', { input: null }, '/input'],
    ['whose input has no messages', { input: {} }, '/input/messages'],
    ['whose input has nothing in it', { input: { messages: [] } }, '/input/messages'],
    ['whose input has more', { input: { messages, plan: 1 } }, '/input/plan'],
    ['with a message that is none', { input: { messages: [{ type: 'x', content: '' }] } }, '/input/messages/0/type'],
    ['with one that is none, for an agent', { input: { messages: [1] } }, '/input/messages/0', AGENT],
    [
      'with a part that our rules refuse',
      {
        input: {
          messages: [
            [
              'user',
              [
                { type: 'text', text: '' },
                { type: 'image', url: 'x' },
              ],
            ],
          ],
        },
      },
      '/input/messages/0/1/1',
    ],
    ['that updates the state', { command: { update: {} } }, '/command/update'],
    ['that chooses a node', { command: { goto: 'x' } }, '/command/goto'],
    ['that answers and asks', { command: { resume: 1 } }, '/input', AGENT],
    [
      'that answers without a thread',
      { input: null, command: { resume: 1 } },
      '/command/resume',
      { ...AGENT, threadId: null },
    ],
    ['with breakpoints, of no agent', { interrupt_before: '*' }, '/interrupt_before'],
    ['with breakpoints after, of no agent', { interrupt_after: ['x'] }, '/interrupt_after'],
    ['with breakpoints that are no names', { interrupt_after: [1] }, '/interrupt_after/0'],
    ['with a webhook that is no URL', { webhook: 'a.example' }, '/webhook'],
    ['with no steps', { config: { recursion_limit: 0 } }, '/config/recursion_limit'],
    ['with two values of one', { context: { a: 1 }, config: { configurable: { a: 2 } } }, '/context/a'],
    ['that keeps its thread', { on_completion: 'keep' }, '/on_completion'],
    ['with a mode that cannot be told', { stream_mode: ['values', 'debug'] }, '/stream_mode/1'],
    [
      'with a value of ours',
      { config: { configurable: { langgraph_auth_user: 1 } } },
      '/config/configurable/langgraph_auth_user',
      AGENT,
    ],
    ['of another thread', { config: { configurable: { thread_id: 't2' } } }, '/config/configurable/thread_id'],
    [
      'with a wrong parameter',
      { config: { configurable: { temperature: 'hot' } } },
      '/config/configurable/temperature',
    ],
    ['of two checkpoints', { checkpoint_id: 'a', checkpoint: { checkpoint_id: 'b' } }, '/checkpoint_id'],
    ['in a subgraph', { checkpoint: { checkpoint_ns: 'x' } }, '/checkpoint/checkpoint_ns'],
    ['with metadata that is no text', { metadata: { a: 1 } }, '/metadata/a'],
    ['too late', { after_seconds: 10_000_000 }, '/after_seconds'],
  ])('%s is refused by name', (_, fields, pointer, target = CHAT) => {
    expect(faultsOf(fields, target)).toEqual([pointer]);
  });

  it('leads from a field of the job to one of its own', () => {
    const { fieldOf } = asked({});
    expect(['/model', '/resume/x', '/pipeline', '/messages/0/content', ''].map(fieldOf)).toEqual([
      ...['/config/configurable/model', '/command/resume/x', '/assistant_id', '/input/messages/0/content', ''],
    ]);
  });

  it('is a job or a fault, whatever it is', () => {
    const word = fc.oneof(fc.string(), fc.constantFrom('human', 'ai', 'values', 'c1', 't1', 'enqueue', 'create'));
    const key = fc.constantFrom(
      ...['messages', 'content', 'type', 'role', 'configurable', 'resume', 'update', 'checkpoint_id', 'thread_id'],
      ...['model', 'temperature', 'max_tokens', 'recursion_limit', '__proto__', 'constructor'],
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small' },
        fc.oneof(word, fc.constant(null), fc.double(), fc.boolean()),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(key, tie('tree')),
      ),
    }));
    const names = ['input', 'command', 'stream_mode', 'config', 'context', 'metadata', 'checkpoint', 'checkpoint_id'];
    const more = ['multitask_strategy', 'on_disconnect', 'if_not_exists', 'after_seconds', 'interrupt_before'];
    const fields = fc.record(Object.fromEntries([...names, ...more].map((name) => [name, tree])), { requiredKeys: [] });
    fc.assert(
      fc.property(fields, fc.boolean(), (mutation, isAgent) => {
        faultsOf(mutation, isAgent ? AGENT : CHAT);
        if (faultsOf(mutation, isAgent ? AGENT : CHAT).length > 0) return;
        const { job, checkpointId } = asked(mutation, isAgent ? AGENT : CHAT);
        const { command, checkpoint_id: id } = mutation as { command?: { resume?: unknown }; checkpoint_id?: unknown };
        // what was asked for is in the job
        if (command?.resume !== undefined) expect(job.resume).toEqual(command.resume);
        if (typeof id === 'string' && id !== '') expect(checkpointId).toBe(id);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('the assistant of a request', () => {
  it.each([undefined, [], { assistant_id: 7 }, {}, { assistant_id: '' }])('is named: %j names none', (body) => {
    expect(() => assistantOf(body)).toThrow(RequestFault);
  });
});

describe('the modes of a stream', () => {
  it.each([
    [undefined, ['values']],
    ['updates', ['updates']],
    ['["updates","values"]', ['values', 'updates']],
    [['custom'], ['custom']],
  ])('are %j', (given, modes) => {
    expect([...readModes(given, [])]).toEqual(modes);
  });

  it.each([7, '[', '["x"]', ['debug'], 'events', Array.from({ length: 33 }, () => 'values')])(
    'are never %j',
    (given) => {
      expect(() => readModes(given, ['stream_mode'])).toThrow(RequestFault);
    },
  );
});

describe('an error', () => {
  const problem = { status: 503, detail: 'Full.', requestId: 'r', isJobMade: false } as const;
  const answer = (fields: object) => langGraphProblem({ code: 'QUEUE_FULL', ...problem, ...fields });

  it('has its text where LangGraph’s server has it', () => {
    const errors = [{ pointer: '/input', detail: 'is required' }];
    const { status, body } = answer({ code: 'INVALID_REQUEST', status: 400, detail: 'See errors.', errors });
    expect([status, JSON.parse(body)]).toEqual([
      ...[422, { detail: 'See errors.\n/input: is required', code: 'INVALID_REQUEST', requestId: 'r', errors }],
    ]);
  });

  it('makes no client repeat a request that has made a job', () => {
    expect([answer({}).status, answer({ isJobMade: true }).status]).toEqual([503, 409]);
    expect(answer({ status: 429, retryAfter: '3' })).toMatchObject({ status: 429, headers: { 'Retry-After': '3' } });
    expect(answer({ code: 'UNKNOWN_PIPELINE', status: 422 }).status).toBe(404);
  });
});
