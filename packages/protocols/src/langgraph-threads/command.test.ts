import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RequestFault } from '../foreign/request-fault.ts';
import { runRequest } from '../langgraph/request.ts';
import { bodyOfRun, CommandRefused, eventsRequest, readCommand, respond } from './command.ts';

const command = (params: object, method = 'run.start') => ({ id: 1, method, params: { ...params } });
const start = (params: object, isAgent = false) =>
  runRequest(bodyOfRun(command(params)), { threadId: 't', isAgent, needsValues: true, isAtBreakpoint: false });
const answer = (params: object) => respond(command(params, 'input.respond'), 't');

/** What is wrong, in one line for each fault. */
function refusal(run: () => unknown): string[] {
  try {
    run();
  } catch (error) {
    if (error instanceof RequestFault) return error.errors.map(({ pointer, detail }) => `${pointer} ${detail}`);
    if (error instanceof CommandRefused) return [`${error.code}: ${error.message}`];
    throw error;
  }
  return [];
}

describe('a command', () => {
  it('has an id and a method', () => {
    expect(readCommand({ id: 0, method: 'run.start' })).toEqual({ id: 0, method: 'run.start', params: {} });
    for (const body of [null, [], 'x', {}, { id: '1', method: 'run.start' }, { id: 1 }, { id: -1, method: 'x' }]) {
      expect(readCommand(body)).toBeNull();
    }
  });
});

describe('run.start', () => {
  const asked = { assistant_id: 'chat', input: { messages: [{ type: 'human', content: 'Why?', id: 'h1' }] } };

  it('is a run in its thread, which is made if it is new', () => {
    const more = {
      config: { configurable: { thread_id: 't' } },
      metadata: { team: 'a' },
      multitaskStrategy: 'rollback',
    };
    const { job, makesThread, messageIds } = start({
      ...asked,
      ...more,
      multitask_strategy: 'interrupt',
      langsmith_tracer: {},
    });
    expect(makesThread).toBe(true);
    expect(messageIds).toEqual(['h1']);
    expect(job).toMatchObject({
      ...{ pipeline: 'chat', threadId: 't', messages: [{ role: 'user', content: 'Why?' }] },
      ...{ metadata: { team: 'a' }, onBusy: 'interrupt', onDisconnect: 'continue' },
    });
    expect(start({ ...asked, multitaskStrategy: 'reject' }).job.onBusy).toBe('reject');
  });

  it('asks an agent for its states', () => {
    const { job } = start({ ...asked, config: { configurable: { thread_id: 't', tone: 'dry' } } }, true);
    expect(job).toMatchObject({ input: asked.input, config: { tone: 'dry' } });
    expect(new Set(job.streamModes)).toEqual(new Set(['values', 'updates']));
  });

  it('takes no other parameter of a run', () => {
    expect(
      start({ ...asked, command: { resume: 1 }, webhook: 'x', stream_mode: 'debug', on_disconnect: 'cancel' }).job,
    ).toEqual(start(asked).job);
  });
});

describe('input.respond', () => {
  it('answers one question, or several at once', () => {
    const one = answer({ namespace: [], interrupt_id: 'i1', response: { ok: true } });
    expect(one.answers).toEqual(['i1']);
    expect(one.job).toMatchObject({ threadId: 't', resume: { i1: { ok: true } }, streamModes: ['values', 'updates'] });
    const many = answer({ responses: [{ interrupt_id: 'i1', response: 1 }, { interrupt_id: 'i2' }] });
    expect([many.answers, many.job.resume]).toEqual([['i1', 'i2'], { i1: 1, i2: null }]);
  });

  it.each<[string, object, string]>([
    ['an update', { interrupt_id: 'i', update: {} }, 'not_supported: params.update'],
    ['another way', { interrupt_id: 'i', goto: 'n' }, 'not_supported: params.goto'],
    ['no question', { response: 1 }, ''],
    ['no answers', { responses: [] }, '/responses '],
  ])('refuses %s by name', (_, params, reason) => {
    expect(refusal(() => answer(params))[0]?.startsWith(reason)).toBe(true);
  });
});

describe('a request for events', () => {
  it('says which, and after which', () => {
    expect(eventsRequest({ channels: ['values'], namespaces: [[]], depth: 1, since: 0 })).toEqual({
      selection: { channels: ['values'], namespaces: [[]], depth: 1 },
      since: 0,
    });
    expect(eventsRequest({ channels: [], more: 1 }).since).toBeNull();
  });

  it.each([
    null,
    {},
    { channels: 'values' },
    { channels: ['a'], since: -1 },
    { channels: ['a'], namespaces: ['x'] },
    { channels: Array(65).fill('a') },
  ])('refuses %j', (body) => expect(() => eventsRequest(body)).toThrow(RequestFault));
});

describe('anything', () => {
  const known = ['responses', 'interrupt_id', 'response', 'update', 'goto', 'config', 'metadata'];
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.constantFrom<unknown>({ configurable: { a: 1 } }, 'i', [{ interrupt_id: 'i', response: 1 }]),
  );
  const params = fc.dictionary(fc.oneof(fc.constantFrom(...known), fc.string()), value, { maxKeys: 6 });

  it('is an answer or is refused by name, and nothing that would change it is lost (fuzz)', () => {
    fc.assert(
      fc.property(params, (given) => {
        if (refusal(() => answer(given)).length > 0) return;
        const { job, answers } = answer(given);
        expect([given['update'] ?? null, given['goto'] ?? null]).toEqual([null, null]);
        expect(Object.keys(job.resume as object)).toEqual([...new Set(answers)]);
        const { configurable } = (given['config'] ?? {}) as { configurable?: object };
        const values = Object.entries(configurable ?? {}).filter(([, each]) => each !== null);
        const own = values.filter(([name]) => name !== 'thread_id' && name !== 'checkpoint_ns');
        expect(job.config ?? {}).toEqual(Object.fromEntries(own));
      }),
      { numRuns: 500 },
    );
  });
});
