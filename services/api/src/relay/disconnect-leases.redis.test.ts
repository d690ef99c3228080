import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JobRef } from '@millrace/contracts';
import { AbandonedJobs } from '@millrace/stream-log';
import { eventually, readSse, startRedis, type TestRedis } from '@millrace/testing';
import { DisconnectLeases } from '../jobs/disconnect-leases.ts';
import type { Cancellation } from '../jobs/steps/cancellation.ts';
import { ApiHarness, post, refOf, submit } from '../testing/api-harness.ts';
import { OpenStreams } from './open-streams.ts';

const GRACE_MS = 300;

let redis: TestRedis;
let harness: ApiHarness;

beforeAll(async () => {
  redis = await startRedis();
  harness = new ApiHarness(redis.url, { MILLRACE_DISCONNECT_GRACE_MS: String(GRACE_MS) });
});
afterAll(async () => {
  await harness?.[Symbol.asyncDispose]();
  await redis?.stop();
});

const body = { query: 'hi', onDisconnect: 'cancel' };
const statusOf = async (id: string) => (await harness.reader.outline(refOf(id)))?.status;
const idOf = (response: Response) => response.headers.get('x-request-id') ?? '';

describe('onDisconnect: cancel (PROTOCOL §2)', () => {
  it('cancels the job when its creator is lost and nobody watches', async () => {
    const node = await harness.node();
    const stream = await readSse(`${node.url}/jobs`, { body });
    const id = idOf(stream.response);
    await stream.close();
    await eventually(async () => (await statusOf(id)) === 'cancelled');
    const { events } = await harness.reader.page(refOf(id), '0-0');
    expect(events.at(-1)).toMatchObject({ type: 'cancelled', data: '{"by":"disconnect"}' });
  });

  it('cancels it when the lost creator was waiting for the finished job', async () => {
    const node = await harness.node();
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
    await eventually(() => harness.redis.zscore(harness.keys.abandonedJobs, refOf(id)));
    leaving.abort();
    await expect(answer).rejects.toThrow();
    await eventually(async () => (await statusOf(id)) === 'cancelled');
  });

  it('does not cancel a job whose creator got its answer', async () => {
    const node = await harness.node();
    const id = await submit(node, { prefer: 'wait=0' }, body);
    await eventually(async () => (await harness.redis.zscore(harness.keys.abandonedJobs, refOf(id))) === null);
    expect(await statusOf(id)).toBe('queued');
  });

  it('does not cancel a job that did not ask for it', async () => {
    const node = await harness.node();
    const stream = await readSse(`${node.url}/jobs`, { body: { query: 'hi' } });
    const id = idOf(stream.response);
    await stream.close();
    expect(await harness.redis.zscore(harness.keys.abandonedJobs, refOf(id))).toBeNull();
  });

  it('does not cancel it while somebody watches on another node, however long', async () => {
    const [node, other] = [await harness.node(), await harness.node()];
    const creator = await readSse(`${node.url}/jobs`, { body });
    const id = idOf(creator.response);
    const watcher = await readSse(`${other.url}/jobs/${id}/stream`);
    await creator.close();
    // the deadline has moved on by several grace times
    const atFirst = Number(await harness.redis.zscore(harness.keys.abandonedJobs, refOf(id)));
    await eventually(async () => {
      const deadline = await harness.redis.zscore(harness.keys.abandonedJobs, refOf(id));
      return Number(deadline) > atFirst + 3 * GRACE_MS;
    });
    expect(await statusOf(id)).toBe('queued');
    await watcher.close();
    await eventually(async () => (await statusOf(id)) === 'cancelled');
  });

  it('cancels it when the node that held the creator dies with it', async () => {
    // what a dead node leaves behind: a deadline that nobody moves
    const node = await harness.node();
    const id = await submit(node, {}, body);
    await harness.redis.zadd(harness.keys.abandonedJobs, Date.now() + 2 * GRACE_MS, refOf(id));
    await eventually(async () => (await statusOf(id)) === 'cancelled');
  });

  it('drops the deadline of a job that has ended', async () => {
    const node = await harness.node();
    await using stream = await readSse(`${node.url}/jobs`, { body });
    const id = idOf(stream.response);
    await harness.answer(id, ['a']);
    await stream.collect();
    await eventually(async () => (await harness.redis.zscore(harness.keys.abandonedJobs, refOf(id))) === null);
    expect(await statusOf(id)).toBe('completed');
  });

  it('keeps the deadline of a creator that streams when another one got its answer', async () => {
    // seconds from one round to the next: nothing is renewed meanwhile
    await using slow = new ApiHarness(redis.url, { MILLRACE_DISCONNECT_GRACE_MS: '60000' });
    const node = await slow.node();
    await using stream = await readSse(`${node.url}/jobs`, { body });
    const id = idOf(stream.response);
    const again = { accept: 'application/json', prefer: 'wait=0', 'x-request-id': id };
    expect((await post(node, body, again)).status).toBe(202);
    expect(await slow.redis.zscore(slow.keys.abandonedJobs, refOf(id))).not.toBeNull();
  });

  it('spares a job whose reader returns while it is about to be cancelled', async () => {
    await using quiet = new ApiHarness(redis.url);
    const { redis: connection, keys } = quiet;
    const settings = quiet.settings({ MILLRACE_DISCONNECT_GRACE_MS: String(GRACE_MS) });
    const [returning, away] = [refOf('comes-back'), refOf('stays-away')];
    await connection.zadd(keys.abandonedJobs, 1, returning, 2, away);
    const cancelled: string[] = [];
    const ended = Promise.withResolvers<void>();
    class RacingDeadlines extends AbandonedJobs {
      override async claim(ref: JobRef, ...times: [nowMs: number, untilMs: number]): Promise<boolean> {
        // the reader's node moves the deadline, after the list of the overdue was read
        if (ref === returning) await connection.zadd(keys.abandonedJobs, 'XX', 'GT', Date.now() + 60_000, ref);
        return super.claim(ref, ...times);
      }
    }
    const cancellation = {
      cancel: async (ref: JobRef) => {
        cancelled.push(ref);
        ended.resolve();
      },
    };
    const abandoned = new RacingDeadlines(connection, keys);
    const leases = new DisconnectLeases(settings, abandoned, cancellation as unknown as Cancellation);
    leases.onApplicationBootstrap();
    await ended.promise;
    await leases.onApplicationShutdown();
    expect(cancelled).toEqual([away]);
    expect(await connection.zscore(keys.abandonedJobs, returning)).not.toBeNull();
    expect(await connection.zscore(keys.abandonedJobs, away)).toBeNull();
  });
});

describe('onDisconnect: cancel, while the deadlines cannot be written', () => {
  const deadlineOf = (d: ApiHarness, id: string) => d.redis.zscore(d.keys.abandonedJobs, refOf(id));
  const breakWrites = (d: ApiHarness) => d.redis.set(d.keys.abandonedJobs, 'no sorted set');

  it('is not lost by a creator that stays', async () => {
    await using d = new ApiHarness(redis.url, { MILLRACE_DISCONNECT_GRACE_MS: String(GRACE_MS) });
    const node = await d.node();
    await breakWrites(d);
    await using stream = await readSse(`${node.url}/jobs`, { body });
    await stream.take(1);
    await d.redis.del(d.keys.abandonedJobs);
    await eventually(async () => (await deadlineOf(d, idOf(stream.response))) !== null);
  });

  it('is not lost by a creator that leaves', async () => {
    await using d = new ApiHarness(redis.url, { MILLRACE_DISCONNECT_GRACE_MS: String(GRACE_MS) });
    const node = await d.node();
    await breakWrites(d);
    const stream = await readSse(`${node.url}/jobs`, { body });
    await stream.close();
    await eventually(() => node.api.nest.get(OpenStreams).size === 0);
    await d.redis.del(d.keys.abandonedJobs);
    await eventually(async () => (await deadlineOf(d, idOf(stream.response))) !== null);
  });
});
