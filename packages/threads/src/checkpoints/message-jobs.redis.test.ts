import { afterAll, describe, expect, it } from '@jest/globals';
import { AIMessage, HumanMessage, RemoveMessage } from '@langchain/core/messages';
import {
  Annotation,
  Command,
  interrupt,
  MessagesAnnotation,
  MessagesDeltaValue,
  START,
  StateGraph,
  StateSchema,
} from '@langchain/langgraph';
import { type BaseCheckpointSaver, emptyCheckpoint, uuid6 } from '@langchain/langgraph-checkpoint';
import type { ThreadRef } from '@millrace/contracts';
import { startPostgres, startRedis } from '@millrace/testing';
import { openCheckpoints } from '../open-checkpoints.ts';
import { CheckpointHarness } from '../testing/checkpoint-harness.ts';
import { ThreadHarness } from '../testing/thread-harness.ts';
import type { Checkpoints, Savers, StateMessage } from './ports.ts';
import { openSavers } from './savers.ts';

const KEPT = 5;
const redis = await startRedis();
const server = await startPostgres();
const threads = ThreadHarness.single(redis.url);
const harness = new CheckpointHarness(redis.url, { prefix: threads.prefix, limits: { kept: KEPT } });
const limits = { kept: KEPT, retentionMs: 600_000, maxBytes: 64_000_000, maxStoreBytes: 1_000_000 };
const modes = await Promise.all(
  [
    ['Redis', 'redis'],
    ['PostgreSQL', server.url],
  ].map(async ([name = '', place = '']) => {
    const options = { checkpoints: place, redis: harness.redis, keys: harness.keys, limits };
    return { name, savers: await openSavers(options), checkpoints: await openCheckpoints(options) };
  }),
);

afterAll(async () => {
  await Promise.all(modes.flatMap(({ savers, checkpoints }) => [savers.close(), checkpoints.close()]));
  await harness[Symbol.asyncDispose]();
  await threads[Symbol.asyncDispose]();
  await server.stop();
  await redis.stop();
});

const of = (ref: ThreadRef) => ({ configurable: { thread_id: ref } });
const log = { flushed: async () => 0 };
const asked = (id: string) => ({ messages: [new HumanMessage({ id, content: id })] });

/** Answers; a second time after it was told `yes`. A part of the first answer is said while the question is open. */
function asking(checkpointer: BaseCheckpointSaver) {
  const said = (state: typeof MessagesAnnotation.State, name: string) =>
    new AIMessage({ id: `${name}-${state.messages.length}`, content: name });
  return new StateGraph(MessagesAnnotation)
    .addNode('think', (state) => ({ messages: [said(state, 'thought')] }))
    .addNode('beside', (state) => ({ messages: [said(state, 'beside')] }))
    .addNode('ask', (state) => {
      interrupt('sure?');
      return { messages: [said(state, 'answer')] };
    })
    .addEdge(START, 'think')
    .addEdge('think', 'beside')
    .addEdge('think', 'ask')
    .compile({ checkpointer });
}

/** Says `size` things, one a step, and then fails if it is told to. */
function talking(checkpointer: BaseCheckpointSaver, size: number, name: string, fails = false) {
  const State = Annotation.Root({ ...MessagesAnnotation.spec, left: Annotation<number> });
  return new StateGraph(State)
    .addNode('begin', () => ({ left: size }))
    .addNode('say', ({ left }) => {
      if (left === 1 && fails) throw new Error('the worker dies');
      return { left: left - 1, messages: [new AIMessage({ id: `${name}-${left}`, content: name })] };
    })
    .addEdge(START, 'begin')
    .addEdge('begin', 'say')
    .addConditionalEdges('say', ({ left }) => (left > 0 ? 'say' : '__end__'))
    .compile({ checkpointer });
}

async function start({ savers }: { savers: Savers }, ref: ThreadRef, jobId: string, attempt = 1) {
  if (attempt === 1) await threads.enter(ref, jobId);
  const lease = { ref, jobId, attempt, leaseToken: `token-${attempt}` };
  expect((await threads.threads.claim(lease)).kind).toBe('claimed');
  return savers.forAttempt(lease, log);
}

/** @returns the messages of the head in their order, with their jobs */
async function jobsIn({ checkpoints }: { checkpoints: Checkpoints }, ref: ThreadRef) {
  const messages = ((await checkpoints.readState(ref))?.values['messages'] ?? []) as readonly StateMessage[];
  const ids = messages.map(({ messageId }) => messageId ?? '');
  const jobs = await checkpoints.jobsOfMessages(ref, ids);
  return ids.map((id) => [id, jobs.get(id) ?? null]);
}

const bytesOf = async (ref: ThreadRef) => (await threads.threads.get(ref))?.bytes ?? 0;

/** What is remembered of messages, by their field in the hash. */
async function remembered(ref: ThreadRef): Promise<Record<string, string>> {
  const all = await harness.redis.hgetall(threads.keys.checkpoints(ref));
  return Object.fromEntries(Object.entries(all).filter(([field]) => field.startsWith('m\0')));
}

describe.each(modes)('the messages of an agent’s thread in $name', (mode) => {
  it('have the job that brought them, one after the other', async () => {
    const ref = threads.newRef();
    await talking(await start(mode, ref, 'first'), 1, 'a').invoke(asked('q1'), of(ref));
    await threads.leave(ref, 'first');
    await talking(await start(mode, ref, 'second'), 2, 'b').invoke(asked('q2'), of(ref));
    expect(await jobsIn(mode, ref)).toEqual([
      ['q1', 'first'],
      ['a-1', 'first'],
      ['q2', 'second'],
      ['b-2', 'second'],
      ['b-1', 'second'],
    ]);
    expect(await mode.checkpoints.jobsOfMessages(ref, ['unknown'])).toEqual(new Map());
    expect(await mode.checkpoints.jobsOfMessages(ref, [])).toEqual(new Map());
  });

  it('keep the job that asked a question once another one has answered it', async () => {
    const ref = threads.newRef();
    await asking(await start(mode, ref, 'asks')).invoke(asked('q'), of(ref));
    await threads.leave(ref, 'asks', 'completed');
    await asking(await start(mode, ref, 'answers')).invoke(new Command({ resume: 'yes' }), of(ref));
    expect((await jobsIn(mode, ref)).sort()).toEqual([
      ['answer-2', 'answers'],
      // said in the step that asked
      ['beside-2', 'asks'],
      ['q', 'asks'],
      ['thought-1', 'asks'],
    ]);
  });

  it('keep their job when its worker is lost', async () => {
    const ref = threads.newRef();
    await talking(await start(mode, ref, 'before'), 1, 'a').invoke(asked('q1'), of(ref));
    await threads.leave(ref, 'before');
    const dying = talking(await start(mode, ref, 'crashes'), 3, 'b', true);
    await expect(dying.invoke(asked('q2'), of(ref))).rejects.toThrow('the worker dies');
    const heir = talking(await start(mode, ref, 'crashes', 2), 3, 'b');
    await heir.invoke(null, of(ref));
    expect(await jobsIn(mode, ref)).toEqual([
      ['q1', 'before'],
      ['a-1', 'before'],
      ['q2', 'crashes'],
      ['b-3', 'crashes'],
      ['b-2', 'crashes'],
      ['b-1', 'crashes'],
    ]);
  });

  it('keep their job when another one replaces their text', async () => {
    const ref = threads.newRef();
    await talking(await start(mode, ref, 'first'), 1, 'a').invoke(asked('q'), of(ref));
    await threads.leave(ref, 'first');
    await talking(await start(mode, ref, 'second'), 1, 'a').invoke(asked('q'), of(ref));
    expect(await jobsIn(mode, ref)).toEqual([
      ['q', 'first'],
      ['a-1', 'first'],
    ]);
  });

  it('are forgotten with the job that is rolled back, and its id is free', async () => {
    const ref = threads.newRef();
    await asking(await start(mode, ref, 'asks')).invoke(asked('q'), of(ref));
    await threads.leave(ref, 'asks', 'completed');
    const before = await remembered(ref);
    await asking(await start(mode, ref, 'undone')).invoke(new Command({ resume: 'yes' }), of(ref));
    // both of its kinds: `beside` was written by the job before, and stored by this one
    expect(Object.keys(await remembered(ref))).toHaveLength(Object.keys(before).length + 2);
    await threads.enter(ref, 'again', { onBusy: 'rollback' });
    await threads.leave(ref, 'undone', 'cancelled');
    expect(await remembered(ref)).toEqual(before);
    await asking(await start(mode, ref, 'again')).invoke(new Command({ resume: 'yes' }), of(ref));
    expect((await jobsIn(mode, ref)).sort()).toEqual([
      ['answer-2', 'again'],
      ['beside-2', 'asks'],
      ['q', 'asks'],
      ['thought-1', 'asks'],
    ]);
  });

  it('keep their job when the checkpoint that was the first to have them is pruned', async () => {
    const ref = threads.newRef();
    await talking(await start(mode, ref, 'long'), 20, 'a').invoke(asked('q'), { ...of(ref), recursionLimit: 50 });
    const jobs = await jobsIn(mode, ref);
    expect(jobs).toHaveLength(21);
    expect(new Set(jobs.map(([, job]) => job))).toEqual(new Set(['long']));
    // also those whose checkpoints are pruned
    await threads.enter(ref, 'next', { onBusy: 'rollback' });
    await threads.leave(ref, 'long', 'cancelled');
    expect(await remembered(ref)).toEqual({});
  });

  it('come along with a fork, and nothing that came after it', async () => {
    const [ref, atHead, earlier] = [threads.newRef(), threads.newRef(), threads.newRef()];
    await talking(await start(mode, ref, 'first'), 1, 'a').invoke(asked('q1'), of(ref));
    const first = await mode.checkpoints.headOf(ref);
    await threads.leave(ref, 'first');
    await talking(await start(mode, ref, 'second'), 1, 'b').invoke(asked('q2'), of(ref));
    await threads.leave(ref, 'second');
    const copying = { from: ref, checkpoints: mode.checkpoints };
    expect(await threads.threads.fork({ ...copying, to: atHead })).toBe('forked');
    expect(await threads.threads.fork({ ...copying, to: earlier, checkpointId: first?.checkpointId })).toBe('forked');
    expect(await jobsIn(mode, atHead)).toEqual(await jobsIn(mode, ref));
    expect(await remembered(earlier)).toEqual({ 'm\0a-1': 'first', 'm\0q1': 'first' });
    await talking(await start(mode, earlier, 'other'), 1, 'b').invoke(asked('q2'), of(earlier));
    expect(await jobsIn(mode, earlier)).toEqual([
      ['q1', 'first'],
      ['a-1', 'first'],
      ['q2', 'other'],
      ['b-1', 'other'],
    ]);
  });

  it('of a delta channel have their jobs too', async () => {
    const ref = threads.newRef();
    const graph = (checkpointer: BaseCheckpointSaver) =>
      new StateGraph(new StateSchema({ messages: MessagesDeltaValue }))
        .addNode('say', ({ messages }) => ({ messages: [new AIMessage({ id: `a${messages.length}`, content: 'a' })] }))
        .addEdge(START, 'say')
        .compile({ checkpointer });
    for (const job of ['first', 'second']) {
      await graph(await start(mode, ref, job)).invoke(asked(`q-${job}`), of(ref));
      await threads.leave(ref, job);
    }
    expect(await jobsIn(mode, ref)).toEqual([
      ['q-first', 'first'],
      ['a1', 'first'],
      ['q-second', 'second'],
      ['a3', 'second'],
    ]);
  });

  it('that no job has brought stay without one', async () => {
    const ref = threads.newRef();
    await talking(await start(mode, ref, 'first'), 1, 'a').invoke(asked('q1'), of(ref));
    await threads.leave(ref, 'first');
    const to = threads.newRef();
    await threads.threads.fork({ from: ref, to, checkpoints: mode.checkpoints });
    const fields = Object.keys(await remembered(to));
    await harness.redis.hdel(threads.keys.checkpoints(to), ...fields);
    await talking(await start(mode, to, 'second'), 1, 'b').invoke(asked('q2'), of(to));
    expect(await jobsIn(mode, to)).toEqual([
      ['q1', null],
      ['a-1', null],
      ['q2', 'second'],
      ['b-1', 'second'],
    ]);
  });

  it('are erased with their thread, and with their bytes', async () => {
    const ref = threads.newRef();
    await talking(await start(mode, ref, 'job'), 3, 'a').invoke(asked('q'), of(ref));
    await threads.leave(ref, 'job');
    await mode.checkpoints.erase(ref);
    expect(await remembered(ref)).toEqual({});
    const fresh = threads.newRef();
    await start(mode, fresh, 'job');
    await threads.leave(fresh, 'job');
    expect(await bytesOf(ref)).toBe(await bytesOf(fresh));
  });
});

describe('the messages of a very long state', () => {
  const [mode] = modes;
  if (mode === undefined) throw new Error('no checkpoints');

  /** Stores a state of messages `from` to `to`. */
  async function put(saver: BaseCheckpointSaver, ref: ThreadRef, [from, to]: [number, number], parent?: string) {
    const messages = Array.from({ length: to - from }, (_, i) => new HumanMessage({ id: `m${from + i}`, content: '' }));
    const id = uuid6(0);
    const channel_versions = { messages: Number.parseInt(id.slice(0, 8), 16) };
    const checkpoint = { ...emptyCheckpoint(), id, channel_values: { messages }, channel_versions };
    const config = { configurable: { thread_id: ref, checkpoint_ns: '', ...(parent && { checkpoint_id: parent }) } };
    await saver.put(config, checkpoint, { source: 'loop', step: 0, parents: {} }, channel_versions);
    return id;
  }

  it('are remembered for the newest 10,000 of a single checkpoint', async () => {
    const ref = threads.newRef();
    await put(await start(mode, ref, 'job'), ref, [0, 10_500]);
    const kept = await remembered(ref);
    expect(Object.keys(kept)).toHaveLength(10_000);
    expect([kept['m\0m499'], kept['m\0m500']]).toEqual([undefined, 'job']);
  });

  it('are remembered for the newest 10,000 of many checkpoints', async () => {
    const ref = threads.newRef();
    const saver = await start(mode, ref, 'job');
    let parent: string | undefined;
    for (let first = 0; first < 10_500; first += 500) parent = await put(saver, ref, [first, first + 500], parent);
    const kept = await remembered(ref);
    expect(Object.keys(kept)).toHaveLength(10_000);
    expect(kept['m\0m499']).toBeUndefined();
    expect(kept['m\0m500']).toBe('job');
    const index = threads.keys.checkpointIndex(ref);
    expect(await harness.redis.zlexcount(index, '[m\0', '(m\0\u{10ffff}')).toBe(10_000);
  });

  it('leave out what removes one', async () => {
    const ref = threads.newRef();
    const graph = new StateGraph(new StateSchema({ messages: MessagesDeltaValue }))
      .addNode('clear', () => ({ messages: [new RemoveMessage({ id: 'q' })] }))
      .addEdge(START, 'clear')
      .compile({ checkpointer: await start(mode, ref, 'job') });
    await graph.invoke(asked('q'), of(ref));
    expect(await remembered(ref)).toEqual({ 'm\0q': 'job' });
  });
});
