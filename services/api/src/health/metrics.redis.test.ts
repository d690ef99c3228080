import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type FairQueue, NO_SHARE, type ProcessReport, ProcessReports } from '@millrace/stream-log';
import { eventually } from '@millrace/testing';
import { ApiHarness, finish, refOf, say, submit, type TestNode } from '../testing/api-harness.ts';
import { FAIR_QUEUE } from '../tokens.ts';
import { Metrics } from './metrics.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';

let harness: ApiHarness;
let node: TestNode;
beforeAll(async () => {
  harness = await ApiHarness.start();
  node = await harness.node();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

/** The value of each series, by its name and labels as they are written, without the service. */
async function scrape(): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${node.url}/metrics`)).text();
  const samples = text.split('\n').flatMap((line): [string, number][] => {
    const [, name = '', labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    const own = labels.split(',').filter((label) => label !== 'service="api"');
    return name === '' ? [] : [[own.join() === '' ? name : `${name}{${own.join()}}`, Number(value)]];
  });
  return new Map(samples);
}

/** A process that only reports. */
function report(reports: ProcessReports, id: string, told: Partial<ProcessReport>) {
  const startedAt = Date.now();
  const by = { tenant: {}, model: {}, pipeline: {} };
  const whole = { kind: 'worker' as const, version: '1', host: 'h', startedAt, state: 'running' as const, slots: 0 };
  return reports.report(id, { ...whole, total: NO_SHARE, by, quiet: [], ...told });
}

describe('GET /metrics', () => {
  it('answers in the format that is asked for, with exemplars of traced streams only as OpenMetrics', async () => {
    const metrics = node.api.nest.get(Metrics);
    metrics.firstToken(20, TRACE);
    const get = (accept: string) => fetch(`${node.url}/metrics`, { headers: { accept } });
    const [plain, open] = [await get('*/*'), await get('application/openmetrics-text')];
    expect(plain.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(open.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    for (const { headers } of [plain, open]) expect(headers.get('vary')).toContain('Accept');
    const [plainText, openText] = [await plain.text(), await open.text()];
    expect(plainText).not.toContain('trace_id');
    expect(openText.match(/ # \{.*?\} \S+/g)).toEqual([` # {trace_id="${TRACE}"} 0.02`]);
    for (const text of [plainText, openText]) expect(text).toContain('millrace_processes{');
    expect(openText.endsWith('\n# EOF\n')).toBe(true);
  });

  it('tells of the whole service: jobs, the oldest wait, slots, processes', async () => {
    const before = Date.now();
    const active = await submit(node);
    await submit(node);
    await submit(node);
    await node.api.nest.get<FairQueue>(FAIR_QUEUE).markStarted(refOf(active));
    const reports = new ProcessReports(harness.redis, harness.keys);
    await report(reports, 'one', { slots: 50, total: { ...NO_SHARE, running: 1 } });
    await report(reports, 'other', { slots: 30 });
    await report(reports, 'leaving', { slots: 20, state: 'stopping', total: { ...NO_SHARE, running: 2 } });
    await eventually(async () => {
      const values = await scrape();
      return (
        values.get('millrace_processes{kind="worker"}') === 3 && values.get('millrace_processes{kind="api"}') === 1
      );
    });
    const values = await scrape();
    expect(values.get('millrace_open_jobs{state="queued"}')).toBe(2);
    expect(values.get('millrace_open_jobs{state="active"}')).toBe(1);
    expect(values.get('millrace_slots{state="all"}')).toBe(80);
    expect(values.get('millrace_slots{state="used"}')).toBe(3);
    const wait = values.get('millrace_queue_oldest_wait_seconds') ?? Number.NaN;
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual((Date.now() - before) / 1_000 + 1);
  });

  it('counts refusals by code, whoever refuses: a handler, the parser, the router', async () => {
    await fetch(`${node.url}/jobs/nobody`).then((answer) => answer.text());
    await fetch(`${node.url}/jobs/nobody`).then((answer) => answer.text());
    const headers = { 'content-type': 'application/json' };
    await fetch(`${node.url}/jobs`, { method: 'POST', body: '{', headers }).then((answer) => answer.text());
    await fetch(`${node.url}/no-such-path`).then((answer) => answer.text());
    const values = await scrape();
    expect(values.get('millrace_problems_total{code="JOB_NOT_FOUND"}')).toBe(2);
    expect(values.get('millrace_problems_total{code="INVALID_REQUEST"}')).toBe(2);
  });

  it('times each script, by its name', async () => {
    await submit(node, {}, { query: 'x', threadId: 'a-thread' });
    const values = await scrape();
    for (const script of ['open', 'admit', 'thread:enter']) {
      const count = values.get(`millrace_redis_script_seconds_count{script="${script}"}`);
      expect([script, count]).toEqual([script, expect.any(Number)]);
    }
  });

  it('measures how long events take to the readers that wait, and not to those who catch up', async () => {
    const jobId = await submit(node);
    const read = () => fetch(`${node.url}/jobs/${jobId}/stream`);
    const count = async () => (await scrape()).get('millrace_watch_lag_seconds_count') ?? Number.NaN;
    const sum = async () => (await scrape()).get('millrace_watch_lag_seconds_sum') ?? Number.NaN;
    const waiting = await read();
    const before = await count();
    const writer = await harness.begin(jobId);
    // one event may be given within the millisecond in which it was stored
    await eventually(async () => {
      await say(writer, ['a']);
      return (await count()) > before && (await sum()) > 0;
    });
    await finish(writer);
    expect(await waiting.text()).toContain('event: done');
    const values = await scrape();
    // Redis and the node have the same clock here
    expect(await sum()).toBeLessThan(60);

    expect(await (await read()).text()).toContain('event: done');
    expect(await count()).toBe(values.get('millrace_watch_lag_seconds_count'));
  });

  it('tells what is stored', async () => {
    await harness.redis.zadd(harness.keys.tenantsWithUsage, 1, 'large');
    await harness.redis.hset(harness.keys.storedBytesOf('large'), 'thread:a', 5_000, 'large.job', 700, 'total', 5_700);
    const other = await harness.node();
    const values = (await (await fetch(`${other.url}/metrics`)).text()).matchAll(
      /stored_bytes\{kind="(\w+)".*\} (\d+)/g,
    );
    const bytes = Object.fromEntries([...values].map(([, kind, value]) => [kind, Number(value)]));
    expect(bytes['threads']).toBe(5_000);
    expect(bytes['jobs']).toBeGreaterThanOrEqual(700);
  });

  it('answers without those of the service while Redis does not', async () => {
    const { redis } = harness;
    await redis.call('CLIENT', 'PAUSE', '4000', 'ALL');
    await eventually(async () => {
      const values = await scrape();
      return values.has('millrace_open_streams') && !values.has('millrace_open_jobs{state="queued"}');
    });
    await eventually(async () => (await scrape()).has('millrace_open_jobs{state="queued"}'));
  });
});
