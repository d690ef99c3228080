import { afterAll, expect } from '@jest/globals';
import type { BaseCheckpointSaver } from '@langchain/langgraph-checkpoint';
import { deltaChannelHistoryTests, validate } from '@langchain/langgraph-checkpoint-validation';
import { startRedis } from '@millrace/testing';
import { CheckpointHarness } from '../testing/checkpoint-harness.ts';

const redis = await startRedis();
const harnesses = new WeakMap<BaseCheckpointSaver, CheckpointHarness>();

// the suite is written for Vitest, whose `expect.soft` reports further failures of the same test; the rest is as in Jest
Object.assign(Reflect.get(globalThis, 'expect'), { soft: expect });

afterAll(async () => {
  await redis.stop();
});

const initializer = {
  checkpointerName: 'RedisSaver',
  createCheckpointer: () => {
    const harness = new CheckpointHarness(redis.url);
    const saver = harness.saver();
    harnesses.set(saver, harness);
    return saver;
  },
  destroyCheckpointer: async (saver: BaseCheckpointSaver) => {
    await harnesses.get(saver)?.[Symbol.asyncDispose]();
  },
};

validate<BaseCheckpointSaver>(initializer);
deltaChannelHistoryTests(initializer);
