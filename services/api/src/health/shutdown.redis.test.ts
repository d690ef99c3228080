import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, rawRequest, readSse, startRedis, type TestRedis } from '@millrace/testing';
import { ApiHarness, finish, post, say, submit } from '../testing/api-harness.ts';

let redis: TestRedis;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis?.stop());

describe('a node that is to stop (PROTOCOL §8)', () => {
  it('becomes unready and sends its readers to other nodes, without gap or repeat', async () => {
    await using harness = new ApiHarness(redis.url, { MILLRACE_DRAIN_MS: '300' });
    const [node, other] = [await harness.node(), await harness.node()];
    const id = await submit(node);
    const readers = await Promise.all(Array.from({ length: 5 }, () => readSse(`${node.url}/jobs/${id}/stream`)));
    const writer = await harness.begin(id);
    await say(writer, ['one ']);
    await Promise.all(readers.map((reader) => reader.until(({ event }) => event === 'message')));

    const drained = node.api.drain();
    const unready = await fetch(`${node.url}/readyz`);
    expect(unready.status).toBe(503);
    expect(await unready.json()).toMatchObject({ obstacles: ['draining'] });
    await drained;
    for (const reader of readers) {
      expect(await reader.ended).toBe('clean');
      expect(reader.terminal()).toBeUndefined();
      expect(reader.retryHints.at(-1)).toBeGreaterThanOrEqual(500);
    }
    await node.api.close();

    const cursor = readers[0]?.events.at(-1)?.id ?? '';
    await using resumed = await readSse(`${other.url}/jobs/${id}/stream`, { headers: { 'last-event-id': cursor } });
    await say(writer, ['two']);
    await finish(writer);
    await resumed.collect();
    expect(`${readers[0]?.text()}${resumed.text()}`).toBe('one two');
  });

  it('answers waiting requests with the job as it is', async () => {
    await using harness = new ApiHarness(redis.url);
    const node = await harness.node();
    const answer = post(node, { query: 'x' }, { accept: 'application/json', prefer: 'wait=60' });
    await eventually(() => node.log.some(({ msg }) => msg === 'accepted'));
    await node.api.drain();
    expect((await answer).status).toBe(202);
  });

  it('answers a POST on a connection that was there before, and its reader goes on elsewhere', async () => {
    await using harness = new ApiHarness(redis.url);
    const [node, other] = [await harness.node({ MILLRACE_LINGER_MS: '10000' }), await harness.node()];
    await (await fetch(`${node.url}/healthz`)).text(); // leaves an idle connection behind
    const closed = node.api.close();
    await eventually(() =>
      rawRequest(`${node.url}/healthz`).then(
        () => false,
        () => true,
      ),
    );

    await using stream = await readSse(`${node.url}/jobs`, { body: { query: 'hi' } });
    expect(await stream.ended).toBe('clean');
    expect([stream.response.headers.get('connection'), stream.terminal()]).toEqual(['close', undefined]);
    const id = stream.response.headers.get('x-request-id') ?? '';
    await closed;
    await harness.answer(id, ['here']);
    const cursor = stream.events.at(-1)?.id ?? '0-0';
    await using resumed = await readSse(`${other.url}/jobs/${id}/stream`, { headers: { 'last-event-id': cursor } });
    await resumed.collect();
    expect(resumed.text()).toBe('here');
  });

  it('ends at once although streams are open and connections are kept alive (NestJS)', async () => {
    await using harness = new ApiHarness(redis.url);
    const node = await harness.node();
    await using stream = await readSse(`${node.url}/jobs`, { body: { query: 'hi' } });
    await stream.take(1);
    const startedAt = performance.now();
    await node.api.close();
    expect(performance.now() - startedAt).toBeLessThan(15_000);
    await stream.ended;
  });
});

describe('a Redis that is down (law 12)', () => {
  it('is reported within 2 s even if it hangs', async () => {
    await using own = await startRedis();
    await using harness = new ApiHarness(own.url);
    const node = await harness.node();
    await submit(node);
    await own.pause();
    const startedAt = performance.now();
    const requests = [post(node, { query: 'x' }), fetch(`${node.url}/jobs`), fetch(`${node.url}/readyz`)];
    for (const answer of await Promise.all(requests)) expect(answer.status).toBe(503);
    expect(performance.now() - startedAt).toBeLessThan(2_500);
    await own.resume();
    await eventually(async () => (await fetch(`${node.url}/readyz`)).status === 200);
  });

  it('is reported within 2 s, and everything resumes without a restart', async () => {
    await using own = await startRedis();
    await using harness = new ApiHarness(own.url);
    const node = await harness.node();
    const id = await submit(node);
    await using stream = await readSse(`${node.url}/jobs/${id}/stream`);
    await stream.take(1);

    await own.kill();
    const startedAt = performance.now();
    const requests = [
      post(node, { query: 'x' }),
      fetch(`${node.url}/jobs/${id}`),
      fetch(`${node.url}/jobs/${id}/stream`),
    ];
    for (const answer of await Promise.all(requests)) {
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
      expect(await answer.json()).toMatchObject({ code: 'UNAVAILABLE' });
    }
    expect(performance.now() - startedAt).toBeLessThan(2_500);
    expect((await fetch(`${node.url}/readyz`)).status).toBe(503);
    expect((await fetch(`${node.url}/healthz`)).status).toBe(200);

    await own.start();
    await eventually(async () => (await fetch(`${node.url}/readyz`)).status === 200);
    await harness.answer(id, ['still ', 'here']);
    await stream.collect();
    expect(stream.text()).toBe('still here');
  });

  it('may be down while a node starts, which accepts jobs as soon as Redis is up', async () => {
    await using own = await startRedis();
    await using harness = new ApiHarness(own.url);
    await own.kill();
    const node = await harness.node();
    // by the second answer everything that was sent at the start has been given up
    for (let time = 0; time < 2; time += 1) expect((await post(node, { query: 'x' })).status).toBe(503);
    await own.start();
    await eventually(async () => (await fetch(`${node.url}/readyz`)).status === 200);
    await submit(node);
  });
});
