import { afterAll, describe, expect, it } from '@jest/globals';
import { AIMessage, type BaseMessage, HumanMessage } from '@langchain/core/messages';
import { type CheckpointTuple, emptyCheckpoint, uuid6 } from '@langchain/langgraph-checkpoint';
import type { ThreadRef } from '@millrace/contracts';
import { startRedis } from '@millrace/testing';
import { CheckpointHarness } from '../testing/checkpoint-harness.ts';
import type { RedisSaver } from './redis-saver.ts';

const redis = await startRedis();
const harness = new CheckpointHarness(redis.url);

afterAll(async () => {
  await harness[Symbol.asyncDispose]();
  await redis.stop();
});

function messages(count: number): BaseMessage[] {
  return Array.from({ length: count }, (_, nth) => {
    const fields = { id: uuid6(0), content: Array.from({ length: 4 }, () => uuid6(0)).join(' ') };
    return nth % 2 ? new AIMessage(fields) : new HumanMessage(fields);
  });
}

function idsIn(tuple: CheckpointTuple | undefined): unknown[] {
  const said: unknown = tuple?.checkpoint.channel_values['messages'];
  return (said as BaseMessage[]).map(({ id }) => id);
}

/** What a thread has in Redis, bytes. */
async function bytesOf(ref: ThreadRef): Promise<number> {
  return Number(await harness.redis.hget(harness.keys.record(ref), 'bytes'));
}

/** Steps that each say one message more. */
async function talk(saver: RedisSaver, ref: ThreadRef, said: BaseMessage[], steps: number): Promise<void> {
  const before = await saver.getTuple({ configurable: { thread_id: ref } });
  let parent = before?.checkpoint.id;
  let version = Number(before?.checkpoint.channel_versions['messages'] ?? 0);
  for (let step = 0; step < steps; step++) {
    said.push(...messages(1));
    const channel_versions = { messages: ++version, other: 1 };
    const channel_values = { messages: said, other: 'unchanged '.repeat(10_000) };
    const checkpoint = { ...emptyCheckpoint(), id: uuid6(0), channel_values, channel_versions };
    const newVersions = parent === undefined ? channel_versions : { messages: version };
    const config = { configurable: { thread_id: ref, ...(parent && { checkpoint_id: parent }) } };
    await saver.put(config, checkpoint, { source: 'loop', step, parents: {} }, newVersions);
    parent = checkpoint.id;
  }
}

describe('a thread of 10,000 messages', () => {
  it('costs a step what is new in it: less than a hundredth of the state', async () => {
    const ref = harness.newThread();
    const saver = harness.saver(await harness.claim(ref));
    const said = messages(10_000);
    await talk(saver, ref, said, 1);
    const state = await bytesOf(ref);
    expect(state).toBeGreaterThan(3_000_000);
    await talk(saver, ref, said, 5);
    const perStep = ((await bytesOf(ref)) - state) / 5;
    expect(perStep).toBeLessThan(state / 100);
    // of it, the connection carries no more either
    const sent = await networkBytes(() => talk(saver, ref, said, 2));
    expect(sent / 2).toBeLessThan(state / 100);
    const tuple = await harness.saver().getTuple({ configurable: { thread_id: ref } });
    expect(idsIn(tuple)).toEqual(said.map(({ id }) => id));
  });

  it('costs the next attempt one read of the state, and its steps no more than before', async () => {
    const ref = harness.newThread();
    const said = messages(10_000);
    await talk(harness.saver(await harness.claim(ref, 1)), ref, said, 1);
    const state = await bytesOf(ref);
    const saver = harness.saver(await harness.claim(ref, 2));
    const sent = await networkBytes(async () => {
      const tuple = await saver.getTuple({ configurable: { thread_id: ref } });
      expect(tuple).toBeDefined();
    });
    expect(sent).toBeLessThan(state / 100);
    await talk(saver, ref, said, 2);
    expect(((await bytesOf(ref)) - state) / 2).toBeLessThan(state / 100);
  });

  it('costs little where its oldest messages are taken away, too', async () => {
    const ref = harness.newThread();
    const saver = harness.saver(await harness.claim(ref));
    const said = messages(10_000);
    await talk(saver, ref, said, 1);
    const state = await bytesOf(ref);
    for (let turn = 0; turn < 4; turn++) {
      said.splice(0, 2);
      await talk(saver, ref, said, 1);
    }
    expect(((await bytesOf(ref)) - state) / 4).toBeLessThan(state / 100);
  });
});

/** What this test's connections send to Redis meanwhile, bytes. */
async function networkBytes(work: () => Promise<void>): Promise<number> {
  const read = async () => {
    const info = await harness.redis.call('INFO', 'stats');
    return Number(/total_net_input_bytes:(\d+)/.exec(String(info))?.[1]);
  };
  const before = await read();
  await work();
  return (await read()) - before;
}
