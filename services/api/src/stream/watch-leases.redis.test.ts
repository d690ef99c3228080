import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, readSse, startRedis, type TestRedis } from '@millrace/testing';
import { Deployment, submit } from '../testing/deployment.ts';

const GRACE_MS = 300;

let redis: TestRedis;
let deployment: Deployment;

beforeAll(async () => {
  redis = await startRedis();
  deployment = new Deployment(redis.url, { MILLRACE_DISCONNECT_GRACE_MS: String(GRACE_MS) });
});
afterAll(async () => {
  await deployment?.[Symbol.asyncDispose]();
  await redis?.stop();
});

const body = { query: 'hi', onDisconnect: 'cancel' };
const statusOf = async (id: string) => (await deployment.reader.get(id))?.status;
const idOf = (response: Response) => response.headers.get('x-request-id') ?? '';

describe('onDisconnect: cancel (PROTOCOL §2)', () => {
  it('cancels the job when its creator is lost and nobody watches', async () => {
    const node = await deployment.node();
    const stream = await readSse(`${node.url}/jobs`, { body });
    const id = idOf(stream.response);
    await stream.close();
    await eventually(async () => (await statusOf(id)) === 'cancelled');
    const { events } = await deployment.reader.page(id, '0-0');
    expect(events.at(-1)).toMatchObject({ type: 'cancelled', data: '{"by":"disconnect"}' });
  });

  it('cancels it when the lost creator was waiting for the finished job', async () => {
    const node = await deployment.node();
    const id = `id-${crypto.randomUUID()}`;
    const leaving = new AbortController();
    const answer = fetch(`${node.url}/jobs`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        prefer: 'wait=60',
        'x-request-id': id,
      },
      body: JSON.stringify(body),
      signal: leaving.signal,
    });
    await eventually(() => deployment.redis.zscore(deployment.keys.abandonedJobs, id));
    leaving.abort();
    await expect(answer).rejects.toThrow();
    await eventually(async () => (await statusOf(id)) === 'cancelled');
  });

  it('lets a job go on whose creator had its answer', async () => {
    const node = await deployment.node();
    const id = await submit(node, { prefer: 'wait=0' }, body);
    await eventually(async () => (await deployment.redis.zscore(deployment.keys.abandonedJobs, id)) === null);
    expect(await statusOf(id)).toBe('queued');
  });

  it('lets a job go on that did not ask for it', async () => {
    const node = await deployment.node();
    const stream = await readSse(`${node.url}/jobs`, { body: { query: 'hi' } });
    const id = idOf(stream.response);
    await stream.close();
    expect(await deployment.redis.zscore(deployment.keys.abandonedJobs, id)).toBeNull();
  });

  it('lets it go on while somebody watches on another node, however long', async () => {
    const [node, other] = [await deployment.node(), await deployment.node()];
    const creator = await readSse(`${node.url}/jobs`, { body });
    const id = idOf(creator.response);
    const watcher = await readSse(`${other.url}/jobs/${id}/stream`);
    await creator.close();
    // the deadline has moved on by several grace times
    const atFirst = Number(await deployment.redis.zscore(deployment.keys.abandonedJobs, id));
    await eventually(async () => {
      const deadline = await deployment.redis.zscore(deployment.keys.abandonedJobs, id);
      return Number(deadline) > atFirst + 3 * GRACE_MS;
    });
    expect(await statusOf(id)).toBe('queued');
    await watcher.close();
    await eventually(async () => (await statusOf(id)) === 'cancelled');
  });

  it('cancels it when the node that held the creator dies with it', async () => {
    // what a dead node leaves behind: a deadline that nobody moves
    const node = await deployment.node();
    const id = await submit(node, {}, body);
    await deployment.redis.zadd(deployment.keys.abandonedJobs, Date.now() + 2 * GRACE_MS, id);
    await eventually(async () => (await statusOf(id)) === 'cancelled');
  });

  it('forgets a job that has ended', async () => {
    const node = await deployment.node();
    await using stream = await readSse(`${node.url}/jobs`, { body });
    const id = idOf(stream.response);
    await deployment.answer(id, ['a']);
    await stream.collect();
    await eventually(async () => (await deployment.redis.zscore(deployment.keys.abandonedJobs, id)) === null);
    expect(await statusOf(id)).toBe('completed');
  });
});
