import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { QUEUE_NAME } from '@millrace/contracts';
import { KeySpace } from '@millrace/stream-log';
import { eventually } from '@millrace/testing';
import { Redis } from 'ioredis';
import { renderChart } from './helm-chart.ts';
import { hasPrometheus, Prometheus } from './prometheus.ts';
import { SystemHarness } from './system-harness.ts';

const PAGE = fileURLToPath(new URL('../../docs/kubernetes.md', import.meta.url));
const SLOTS = 4;
const TIMEOUT_MS = 120_000;

interface Trigger {
  readonly metadata: { readonly query: string; readonly threshold: string };
}

interface Scaling {
  readonly minReplicaCount: number;
  readonly maxReplicaCount: number;
  readonly triggers: readonly [Trigger];
}

(hasPrometheus ? describe : describe.skip)('workers by load (docs/kubernetes.md)', () => {
  const parts = new AsyncDisposableStack();
  let system: SystemHarness;
  let scaling: Scaling;
  let prometheus: Prometheus;
  let redis: Redis;
  const open: string[] = [];

  beforeAll(async () => {
    system = parts.use(await SystemHarness.start({ env: { MILLRACE_WORKER_CONCURRENCY: String(SLOTS) } }));
    // each job runs until it is cancelled
    system.model.answer([{ silence: true }], { to: 'endless' });
    const sets = ['worker.autoscaling.enabled=true', `worker.settings.MILLRACE_WORKER_CONCURRENCY=${SLOTS}`];
    const manifests = await renderChart(...sets.flatMap((set) => ['--set', set]));
    scaling = manifests.find(({ kind }) => kind === 'ScaledObject')?.spec as unknown as Scaling;
    const targets = system.apis.map(({ url }) => new URL(url).host);
    const scrape = { job_name: 'millrace', scrape_interval: '1s', static_configs: [{ targets }] };
    prometheus = parts.use(await Prometheus.start({ scrape_configs: [scrape] }));
    redis = new Redis(system.redis.url);
    redis.on('error', () => undefined); // it is stopped at the end
    parts.defer(() => redis.disconnect());
  }, TIMEOUT_MS);
  afterAll(() => parts.disposeAsync(), TIMEOUT_MS);

  /** What KEDA would get: null where Prometheus has no figure. */
  async function asked(): Promise<number | null> {
    const [sample] = await prometheus.ask(scaling.triggers[0].metadata.query);
    return sample === undefined ? null : Number(sample.value[1]);
  }

  async function openJobs(): Promise<Record<string, number>> {
    const samples = await prometheus.ask('max by (state) (millrace_open_jobs)');
    return Object.fromEntries(samples.map(({ metric, value }) => [metric['state'], Number(value[1])]));
  }

  /** As the autoscaler computes it for `AverageValue`. */
  function workersFor(value: number): number {
    const wanted = Math.ceil(value / Number(scaling.triggers[0].metadata.threshold));
    return Math.min(scaling.maxReplicaCount, Math.max(scaling.minReplicaCount, wanted));
  }

  async function reach(jobs: number): Promise<void> {
    while (open.length < jobs) {
      const headers = { 'content-type': 'application/json', accept: 'application/json' };
      const body = JSON.stringify({ query: 'endless' });
      const answer = await fetch(`${system.url}/jobs`, { method: 'POST', headers, body });
      open.push(((await answer.json()) as { id: string }).id);
    }
    // the last to come are the first to go
    for (const id of open.splice(jobs)) await (await system.cancel(id)).text();
  }

  it('follow what is queued and what runs, up and down', async () => {
    const rows = (await readFile(PAGE, 'utf8')).matchAll(/^\| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$/gm);
    const table = [...rows].map((cells) => cells.slice(1).map(Number));
    expect(table.length).toBeGreaterThan(5);
    const queue = `${new KeySpace(system.env['MILLRACE_KEY_PREFIX'] ?? '').queuePrefix}:${QUEUE_NAME}`;
    for (const row of table) {
      const [queued = 0, active = 0] = row;
      await reach(queued + active);
      await eventually(
        async () => {
          const now = await openJobs();
          return now['queued'] === queued && now['active'] === active;
        },
        { timeoutMs: 60_000 },
      );
      const listed = await redis.llen(`${queue}:wait`);
      expect([queued, active, listed, workersFor((await asked()) ?? Number.NaN)]).toEqual(row);
      // where they are instead
      expect(await redis.zcard(`${queue}:prioritized`)).toBe(queued);
    }
  }, 300_000);

  it('are asked for by nobody while Redis does not answer', async () => {
    await system.redis.stop();
    await eventually(async () => (await asked()) === null, { timeoutMs: 60_000 });
  });
});
