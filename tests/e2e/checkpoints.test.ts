import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';
import { threadRef } from '@millrace/contracts';
import { startModel } from '@millrace/simulated-model';
import { spawnService, startPostgres, startRedis } from '@millrace/testing';
import { openCheckpoints, ThreadKeys } from '@millrace/threads';
import { openSavers } from '@millrace/threads/savers';
import { WorkerHarness } from '../../services/worker/src/testing/worker-harness.ts';

const GRAPHS = fileURLToPath(new URL('counting-agent/langgraph.json', import.meta.url));

const redis = await startRedis();
const postgres = await startPostgres();
const model = await startModel();

afterAll(async () => {
  await model[Symbol.asyncDispose]();
  await postgres.stop();
  await redis.stop();
});

describe.each([
  ['Redis', 'redis'],
  ['PostgreSQL', postgres.url],
])('an agent whose checkpoints are in %s', (_, place) => {
  it('asks, goes on with the answer on another worker, and keeps its store', async () => {
    await using d = new WorkerHarness(redis.url, model.baseUrl);
    const env = d.env({ MILLRACE_CHECKPOINTS: place, MILLRACE_GRAPHS: GRAPHS, OPENAI_API_KEY: 'x' });
    const limits = { kept: 100, retentionMs: 600_000, maxBytes: 1e6, maxStoreBytes: 1e6 };
    const options = { checkpoints: place, redis: d.redis, keys: new ThreadKeys(d.prefix), limits };
    const [checkpoints, savers] = await Promise.all([openCheckpoints(options), openSavers(options)]);
    const threadId = 'counting';
    const ref = threadRef('default', threadId);
    const first = await spawnService('worker', env);
    const run = async (request: object) =>
      (await d.end(await d.submit({ pipeline: 'counting', threadId, ...request })))[1];
    expect(await run({ input: {} })).toMatchObject({ finishReason: 'interrupt' });
    expect(await checkpoints.readState(ref)).toMatchObject({ values: { count: 1 }, interrupts: [{ value: '1?' }] });
    await first.child.stop();
    await using _second = await spawnService('worker', env);
    expect(await run({ resume: 'yes' })).toMatchObject({ finishReason: 'stop' });
    expect(await checkpoints.readState(ref)).toMatchObject({ values: { count: 1, answer: 'yes' }, interrupts: [] });
    expect(await run({ input: {} })).toMatchObject({ finishReason: 'interrupt' });
    expect(await checkpoints.readState(ref)).toMatchObject({ values: { count: 2 }, interrupts: [{ value: '2?' }] });
    expect(await savers.storeOf('default').get(['counts'], 'last')).toMatchObject({ value: { count: 2 } });
    await Promise.all([checkpoints.close(), savers.close()]);
  });
});
