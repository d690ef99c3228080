import { afterAll, expect } from '@jest/globals';
import type { BaseCheckpointSaver } from '@langchain/langgraph-checkpoint';
import { deltaChannelHistoryTests, validate } from '@langchain/langgraph-checkpoint-validation';
import { startPostgres, startRedis } from '@millrace/testing';
import { CheckpointHarness } from '../testing/checkpoint-harness.ts';
import { Postgres } from './postgres.ts';
import { RedisSaver } from './redis-saver.ts';

const redis = await startRedis();
const server = await startPostgres();
const postgres = await Postgres.open(server.url);

// the suite is written for Vitest, whose `expect.soft` reports further failures of the same test; the rest is as in Jest
Object.assign(Reflect.get(globalThis, 'expect'), { soft: expect });

afterAll(async () => {
  await postgres.close();
  await server.stop();
  await redis.stop();
});

function initializer(checkpointerName: string, content: () => BaseCheckpointSaver | null) {
  const harnesses = new WeakMap<BaseCheckpointSaver, CheckpointHarness>();
  return {
    checkpointerName,
    createCheckpointer: () => {
      const harness = new CheckpointHarness(redis.url);
      const saver = new RedisSaver(harness.table, null, content());
      harnesses.set(saver, harness);
      return saver;
    },
    destroyCheckpointer: async (saver: BaseCheckpointSaver) => {
      // some of the suite's threads have the same name in every part of it
      for (const thread of ['thread-1', '1', '2']) await saver.deleteThread(thread);
      await harnesses.get(saver)?.[Symbol.asyncDispose]();
    },
  };
}

for (const tested of [initializer('Redis', () => null), initializer('Redis and PostgreSQL', () => postgres.saver())]) {
  validate<BaseCheckpointSaver>(tested);
  deltaChannelHistoryTests(tested);
}
