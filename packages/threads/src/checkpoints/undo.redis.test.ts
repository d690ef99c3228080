import { afterAll, describe, expect, it } from '@jest/globals';
import { AIMessage, HumanMessage } from '@langchain/core/messages';
import { Annotation, Command, interrupt, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph';
import { emptyCheckpoint, RESUME, uuid6 } from '@langchain/langgraph-checkpoint';
import type { ThreadRef } from '@millrace/contracts';
import { AttemptFenced } from '@millrace/stream-log';
import { startRedis } from '@millrace/testing';
import { Redis } from 'ioredis';
import { CheckpointHarness } from '../testing/checkpoint-harness.ts';
import { ThreadHarness } from '../testing/thread-harness.ts';
import { RedisCheckpoints } from './redis-checkpoints.ts';
import type { RedisSaver } from './redis-saver.ts';

const redis = await startRedis();
const threads = ThreadHarness.single(redis.url);
const harness = new CheckpointHarness(redis.url, { prefix: threads.prefix });
const checkpoints = new RedisCheckpoints(harness.table);
const plain = new Redis(redis.url);

afterAll(async () => {
  await plain.quit();
  await threads[Symbol.asyncDispose]();
  await harness[Symbol.asyncDispose]();
  await redis.stop();
});

/** Counts its turns in a subgraph that keeps its state, then asks. */
function agent(checkpointer: RedisSaver) {
  const Counted = Annotation.Root({
    n: Annotation<number>({ reducer: (a, b) => a + b, default: () => 0 }),
    turns: Annotation<number>,
  });
  const counter = new StateGraph(Counted)
    .addNode('count', () => ({ n: 1 }))
    .addNode('tell', ({ n }) => ({ turns: n }))
    .addEdge(START, 'count')
    .addEdge('count', 'tell')
    .compile({ checkpointer: true });
  const State = Annotation.Root({ ...MessagesAnnotation.spec, turns: Annotation<number> });
  return new StateGraph(State)
    .addNode('counter', async (_, config) => ({ turns: (await counter.invoke({}, config)).turns }))
    .addNode('ask', ({ turns }) => {
      const content: string = interrupt(`turn ${turns}?`);
      return { messages: [new HumanMessage({ id: `h${turns}`, content })] };
    })
    .addNode('answer', ({ turns }) => ({ messages: [new AIMessage({ id: `a${turns}`, content: 'answer' })] }))
    .addEdge(START, 'counter')
    .addEdge('counter', 'ask')
    .addEdge('ask', 'answer')
    .compile({ checkpointer });
}

/** Gives a job the turn, and its checkpointer. */
async function start(ref: ThreadRef, jobId: string): Promise<RedisSaver> {
  await threads.enter(ref, jobId);
  const lease = { ref, jobId, attempt: 1, leaseToken: 'token-1' };
  expect((await threads.threads.claim(lease)).kind).toBe('claimed');
  return harness.saver(lease);
}

async function run(ref: ThreadRef, jobId: string, input: unknown): Promise<void> {
  await agent(await start(ref, jobId)).invoke(input as never, { configurable: { thread_id: ref } });
}

/** All that a thread has in Redis of its state, and how much that is. */
async function stored(ref: ThreadRef) {
  const { bytes = '', head = '' } = await plain.hgetall(threads.keys.record(ref));
  return {
    ...{ bytes: Number(bytes), head },
    data: await plain.hgetall(threads.keys.checkpoints(ref)),
    index: await plain.zrangebylex(threads.keys.checkpointIndex(ref), '-', '+'),
  };
}

const question = { messages: [new HumanMessage({ id: 'q', content: 'q' })] };

describe('the last job, once another one undoes it', () => {
  it.each([
    ['asked a question', question],
    ['answered the question of the job before', new Command({ resume: 'yes' })],
  ])('leaves nothing of its state, after it %s', async (_, input) => {
    const ref = threads.newRef();
    await run(ref, 'before', question);
    await threads.leave(ref, 'before');
    const before = await stored(ref);
    await run(ref, 'undone', input);
    await threads.leave(ref, 'undone');
    await threads.enter(ref, 'again');
    await threads.threads.claim({ ref, jobId: 'again', attempt: 1, leaseToken: 't' }, [], { undoes: 'undone' });
    const after = await stored(ref);
    expect({ ...after, bytes: 0 }).toEqual({ ...before, bytes: 0 });
  });
});

describe('a job that is rolled back', () => {
  it.each([
    ['asked a question', question],
    ['answered the question of the job before', new Command({ resume: 'yes' })],
  ])('leaves nothing of its state, after it %s', async (_, input) => {
    const ref = threads.newRef();
    await run(ref, 'first', question);
    await threads.leave(ref, 'first');
    const before = await stored(ref);

    await run(ref, 'second', input);
    expect((await stored(ref)).head).not.toBe(before.head);
    expect(await threads.enter(ref, 'third', { onBusy: 'rollback' })).toBe('cancel-first second');
    expect(await threads.leave(ref, 'second', 'cancelled')).toBe('undone, then third');
    const after = await stored(ref);
    expect({ ...after, bytes: 0 }).toEqual({ ...before, bytes: 0 });
    // two further jobs are remembered by their ids
    expect(Math.abs(after.bytes - before.bytes)).toBeLessThan(500);

    const third = await start(ref, 'third');
    await agent(third).invoke(new Command({ resume: 'no' }), { configurable: { thread_id: ref } });
    expect((await checkpoints.readState(ref))?.values).toMatchObject({
      turns: 1,
      messages: [{ messageId: 'q' }, { content: 'no' }, { messageId: 'a1' }],
    });
  });

  it('leaves no part of an answer with a question that is open again, in the graph or a subgraph', async () => {
    const ref = threads.newRef();
    await run(ref, 'first', question);
    const inner = { ...emptyCheckpoint(), id: uuid6(0) };
    const ofInner = { thread_id: ref, checkpoint_ns: 'ask:task' };
    const parents = { '': (await checkpoints.headOf(ref))?.checkpointId ?? '' };
    const lease = { ref, jobId: 'first', attempt: 1, leaseToken: 'token-1' };
    await harness.saver(lease).put({ configurable: ofInner }, inner, { source: 'loop', step: 0, parents }, {});
    const interrupts = [{ interruptId: 'q', value: 'turn 1?' }];
    await threads.threads.leave({ ref, jobId: 'first', status: 'interrupted', interrupts });
    const before = await stored(ref);
    const saver = await start(ref, 'second');
    const { config } = (await saver.getTuple({ configurable: { thread_id: ref } })) ?? {};
    await saver.putWrites(config ?? {}, [[RESUME, ['half']]], 'task');
    await saver.putWrites({ configurable: { ...ofInner, checkpoint_id: inner.id } }, [[RESUME, ['half']]], 'inner');
    expect((await stored(ref)).index).toHaveLength(before.index.length + 2);
    await threads.leave(ref, 'second', 'failed');
    expect((await threads.threads.get(ref))?.interrupts).toEqual(interrupts);
    expect((await stored(ref)).index).toEqual(before.index);
  });

  it('can write no more, and the first job of a thread leaves it without a head', async () => {
    const ref = threads.newRef();
    const saver = await start(ref, 'first');
    await agent(saver).invoke(question, { configurable: { thread_id: ref } });
    await threads.enter(ref, 'second', { onBusy: 'rollback' });
    await threads.leave(ref, 'first', 'cancelled');
    expect(await checkpoints.headOf(ref)).toBeNull();
    expect((await checkpoints.history(ref)).checkpoints).toEqual([]);
    expect((await stored(ref)).index).toEqual([]);
    const late = agent(saver).invoke(question, { configurable: { thread_id: ref } });
    await expect(late).rejects.toThrow(AttemptFenced);
    expect((await stored(ref)).index).toEqual([]);
  });
});
