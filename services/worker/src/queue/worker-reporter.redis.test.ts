import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startModel } from '@millrace/simulated-model';
import { ProcessReports, QUIET_MS } from '@millrace/stream-log';
import { eventually, startRedis, type TestRedis } from '@millrace/testing';
import { WorkerHarness } from '../testing/worker-harness.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

const PATIENT = { timeoutMs: 20_000 };

describe('a worker', () => {
  it('tells what it runs, which of that is quiet and for how long, and what it said', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const reports = new ProcessReports(harness.redis, harness.keys);
    const look = async () => (await reports.survey({ watches: true })).processes[0];
    const gate = model.gated();
    await harness.worker({ MILLRACE_WORKER_CONCURRENCY: '3' });
    const id = await harness.submit({ tenant: 'acme' });
    await harness.store(id, gate, 'a few words that are said');
    await eventually(async () => (await look())?.by.tenant['acme']?.running === 1, PATIENT);
    expect(await look()).toMatchObject({
      ...{ kind: 'worker', state: 'running', slots: 3, total: { running: 1 } },
    });
    await eventually(async () => ((await look())?.by.tenant['acme']?.tokensPerSecond ?? 0) > 0, PATIENT);
    const quiet = () => look().then((report) => (report?.quiet ?? []).length > 0 && report?.quiet);
    const [told] = await eventually(quiet, PATIENT);
    expect(told).toMatchObject({ ref: id, pipeline: 'chat', attempt: 1 });
    // a short job is in no report: none has to be erased
    expect(told?.quietMs).toBeGreaterThanOrEqual(QUIET_MS);
    await gate.finish();
    await eventually(async () => (await look())?.total.running === 0, PATIENT);
    const models = Object.values((await look())?.by.model ?? {});
    expect(models.map(({ firstTokens }) => Object.values(firstTokens))).toEqual([[1]]);
  });

  it('that is told to drain takes no more jobs and ends those that it has, until it is told to go on', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const reports = new ProcessReports(harness.redis, harness.keys);
    const look = async () => (await reports.survey({ watches: true })).processes[0];
    const gate = model.gated();
    await harness.worker();
    const first = await harness.submit();
    await gate.say('begun');
    await eventually(async () => (await look())?.total.running === 1, PATIENT);
    await reports.order((await look())?.id ?? '', 'drain');
    await eventually(async () => (await look())?.state === 'drained', PATIENT);
    expect(await harness.redis.hvals(harness.keys.workers)).toEqual([expect.stringMatching(/^0 /)]);
    const second = await harness.submit();
    await gate.finish();
    expect((await harness.end(first))[0]).toBe('done');
    expect(await harness.reader.outline(second)).toMatchObject({ status: 'queued' });
    model.answer(['later']);
    await reports.order((await look())?.id ?? '', null);
    expect((await harness.end(second, 20_000))[0]).toBe('done');
    await eventually(async () => (await look())?.state === 'running', PATIENT);
  });

  it('that ends is no longer listed', async () => {
    await using model = await startModel();
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    const reports = new ProcessReports(harness.redis, harness.keys);
    const worker = await harness.worker();
    await eventually(async () => (await reports.survey({ watches: false })).processes.length === 1, PATIENT);
    await worker.close();
    await eventually(async () => (await reports.survey({ watches: false })).processes.length === 0, PATIENT);
  });
});
