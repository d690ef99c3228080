import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type JobRef, jobRef } from '@millrace/contracts';
import type { FairQueue, JobEraser } from '@millrace/stream-log';
import type { Command, Redis } from 'ioredis';
import { ApiHarness, submit, type TestNode } from '../testing/api-harness.ts';
import { FAIR_QUEUE, JOB_ERASER, REDIS } from '../tokens.ts';

const SECRETS = { own: 'the-secret-of-one-tenant', other: 'the-secret-of-another', admin: 'the-secret-of-the-admin' };
const MANY = 2_000;

let harness: ApiHarness;
let node: TestNode;

beforeAll(async () => {
  const keys = [`own:user:${SECRETS.own}`, `other:user:${SECRETS.other}`, `ops:admin:${SECRETS.admin}`];
  const access = { MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: keys.join() };
  harness = await ApiHarness.start({ MILLRACE_SWEEP_MS: '600000', ...access });
  node = await harness.node();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const call = (path: string, key: string, method = 'GET') =>
  fetch(`${node.url}${path}`, { method, headers: { 'x-api-key': key } });

/** Lists copies of a job that has ended. */
async function copies(id: string, count: number): Promise<JobRef[]> {
  const { redis, keys } = harness;
  const refs = Array.from({ length: count }, (_, nth) => jobRef('own', `${id}-${nth}`));
  const pipeline = redis.pipeline();
  for (const [nth, ref] of refs.entries()) {
    pipeline.copy(keys.record(jobRef('own', id)), keys.record(ref));
    pipeline.copy(keys.log(jobRef('own', id)), keys.log(ref));
    for (const list of [keys.allJobs, keys.jobsOf('own')]) pipeline.zadd(list, nth + 1, ref);
  }
  await pipeline.exec();
  return refs;
}

/** Counts the commands that a connection waits for. */
function inFlight(redis: Redis): { most: number } {
  const counted = { most: 0 };
  const send = redis.sendCommand.bind(redis);
  let now = 0;
  redis.sendCommand = (command: Command, ...rest) => {
    counted.most = Math.max(counted.most, ++now);
    const settle = () => void now--;
    command.promise.then(settle, settle);
    return send(command, ...rest);
  };
  return counted;
}

describe('DELETE /tenants/:tenant/data', () => {
  it('erases thousands of jobs in slices: others are served meanwhile', async () => {
    const id = await submit(node, { 'x-api-key': SECRETS.own });
    await harness.answer(id, ['an answer'], 'own');
    const refs = await copies(id, MANY);
    const theirs = await submit(node, { 'x-api-key': SECRETS.other });
    const counted = inFlight(node.api.nest.get<Redis>(REDIS));
    let isOver = false;
    const erased = call('/tenants/own/data', SECRETS.admin, 'DELETE').finally(() => {
      isOver = true;
    });
    const seen: number[] = [];
    while (!isOver) {
      const answer = await call(`/jobs/${theirs}`, SECRETS.other);
      await answer.text();
      seen.push(answer.status);
    }
    expect((await erased).status).toBe(204);
    expect(new Set(seen)).toEqual(new Set([200]));
    // each slice is answered before the next is sent
    expect(counted.most).toBeLessThan(MANY);
    expect(seen.length).toBeGreaterThan(MANY / 1_000);
    const records = await Promise.all(refs.map((ref) => harness.redis.exists(...harness.keys.ofJob(ref))));
    expect(new Set(records)).toEqual(new Set([0]));
    expect(await harness.redis.exists(harness.keys.jobsOf('own'))).toBe(0);
  });

  it('leaves no idempotency key of a job that has expired', async () => {
    const { redis, keys } = harness;
    const id = await submit(node, { 'x-api-key': SECRETS.own, 'idempotency-key': 'of a job that expires' });
    await harness.answer(id, ['an answer'], 'own');
    const ref = jobRef('own', id);
    await redis.del(...keys.ofJob(ref));
    await node.api.nest.get<FairQueue>(FAIR_QUEUE).dropAdmission(ref, null);
    const names = () => redis.keys(`${harness.prefix}:{own:idempotency:*`);
    expect(await names()).toHaveLength(1);
    expect((await call('/tenants/own/data', SECRETS.admin, 'DELETE')).status).toBe(204);
    expect(await names()).toEqual([]);
  });

  it('forgets the idempotency key of a job before its record, which alone knows it', async () => {
    const { redis, keys } = harness;
    const id = await submit(node, { 'x-api-key': SECRETS.own, 'idempotency-key': 'of a job half erased' });
    await harness.answer(id, ['an answer'], 'own');
    const eraser = node.api.nest.get<JobEraser>(JOB_ERASER);
    const eraseEnded = eraser.eraseEnded.bind(eraser);
    eraser.eraseEnded = async (ref) => {
      await eraseEnded(ref);
      throw new Error('the node dies');
    };
    expect((await call('/tenants/own/data', SECRETS.admin, 'DELETE')).status).toBe(500);
    eraser.eraseEnded = eraseEnded;
    expect(await redis.exists(keys.record(jobRef('own', id)))).toBe(0);
    expect(await redis.keys(`${harness.prefix}:{own:idempotency:*`)).toEqual([]);
    expect((await call('/tenants/own/data', SECRETS.admin, 'DELETE')).status).toBe(204);
  });
});
