import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SystemHarness } from './system-harness.ts';

const TIMEOUT_MS = 240_000;
const TENANTS = 230;
const MODELS = 500;

/** How many values each label may have, whatever callers do: what docs/metrics.md says. One that is not listed has no bound. */
const MAX_VALUES: Readonly<Record<string, number>> = {
  service: 2,
  // of the worker: 200 and `other`
  model: 201,
  tenant: 201,
  // of the service's own code
  method: 10,
  route: 120,
  status: 30,
  code: 60,
  reason: 5,
  pipeline: 10,
  script: 100,
  type: 30,
  outcome: 15,
  store: 3,
  // of several metrics
  kind: 8,
  state: 4,
  of: 2,
  resumed: 2,
  le: 30,
};

/** Series of one metric of one process, all but the tokens, whose bound is models × pipelines × kinds, and × tenants where they
 *  are named. */
const MAX_SERIES = 400;

/** Of one histogram. */
const MAX_BUCKETS = 13;

interface Series {
  readonly name: string;
  readonly labels: readonly (readonly [name: string, value: string])[];
}

function seriesOf(page: string): Series[] {
  return page.split('\n').flatMap((line) => {
    const [, name, labels] = /^(millrace_\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (name === undefined) return [];
    const pairs = [...(labels ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
    return [{ name, labels: pairs.map(([, label = '', value = '']) => [label, value] as const) }];
  });
}

describe('the metrics, whatever callers send', () => {
  const parts = new AsyncDisposableStack();
  let system: SystemHarness;
  const keyOf = (tenant: number) => `the-secret-of-tenant-${tenant}`;
  /** what must not be in a label */
  const ids: string[] = [];

  beforeAll(async () => {
    const keys = Array.from({ length: TENANTS }, (_, i) => `tenant-${i}:user:${keyOf(i)}`);
    system = parts.use(
      await SystemHarness.start({
        env: {
          MILLRACE_AUTH: 'apikey',
          MILLRACE_API_KEYS: keys.join(','),
          MILLRACE_METRICS_TENANTS: 'true',
          MILLRACE_MODELS: 'openai:*',
        },
        processes: 1,
      }),
    );
    system.model.answer(['a ', 'b']);
  }, TIMEOUT_MS);
  afterAll(() => parts.disposeAsync(), TIMEOUT_MS);

  /** @returns the status */
  async function send(path: string, tenant: number, init: RequestInit = {}): Promise<number> {
    const headers = { 'x-api-key': keyOf(tenant % TENANTS), 'content-type': 'application/json', ...init.headers };
    const answer = await fetch(`${system.node(0)}${path}`, { ...init, headers });
    await answer.text();
    return answer.status;
  }

  /** One job to its end, unless its model has a name that is refused. */
  async function job(tenant: number, model: string): Promise<void> {
    const threadId = `thread-${crypto.randomUUID()}`;
    const headers = { 'x-api-key': keyOf(tenant), 'content-type': 'application/json' };
    const body = JSON.stringify({ query: 'x', model, threadId });
    const answer = await fetch(`${system.node(0)}/jobs`, { method: 'POST', headers, body });
    await answer.text();
    ids.push(answer.headers.get('x-request-id') ?? 'none', threadId);
  }

  async function eachOf(count: number, act: (index: number) => Promise<unknown>): Promise<void> {
    for (let first = 0; first < count; first += 20) {
      await Promise.all(Array.from({ length: Math.min(20, count - first) }, (_, i) => act(first + i)));
    }
  }

  it(
    'have no more values of a label than they say, and no id among them',
    async () => {
      const hostile = ['"} 1\nmillrace_worker_jobs_total{x="', '💥', 'a\\b', '../..', ' ', 'x'.repeat(100)];
      await eachOf(MODELS, (i) => job(i % TENANTS, `openai:m-${i}-${hostile[i % hostile.length]}`));
      await eachOf(120, async (i) => {
        const id = crypto.randomUUID();
        ids.push(id);
        const post = (body: object) => send('/jobs', i, { method: 'POST', body: JSON.stringify(body) });
        // nearly all of them are refused
        const statuses = await Promise.all([
          post({ query: 'x', pipeline: `no-such-pipeline-${id}` }),
          post({ query: 'x', model: `${hostile[i % hostile.length]}${id}` }),
          post({ query: 'x', [`field-${id}`]: 1 }),
          send(`/jobs/${id}`, i),
          send(`/jobs/${id}/stream`, i),
          send(`/${id}/${id}`, i),
          send(`/threads/${id}`, i),
          send(`/v1/stream/${id}`, i),
          send(`/langgraph/threads/${id}/state`, i),
          send('/jobs', i, { method: ['PUT', 'PATCH', 'DELETE', 'PROPFIND', 'OPTIONS'][i % 5] ?? 'PUT' }),
          send('/jobs', i, { headers: { 'x-api-key': id } }),
        ]);
        expect(statuses.filter((status) => status >= 500)).toEqual([]);
        expect(statuses.filter((status) => status >= 400).length).toBeGreaterThan(8);
      });

      const pages = await Promise.all(
        [...system.apis, ...system.workers].map(async ({ url }) => (await fetch(`${url}/metrics`)).text()),
      );
      const values = new Map<string, Set<string>>();
      for (const page of pages) {
        for (const { labels } of seriesOf(page)) {
          for (const [label, value] of labels) values.set(label, (values.get(label) ?? new Set()).add(value));
        }
        const byMetric = Map.groupBy(seriesOf(page), ({ name }) => name);
        const large = [...byMetric].filter(([name, { length }]) => {
          return length > (name === 'millrace_worker_tokens_total' ? 201 * 201 * 3 : bucketsOf(name) * MAX_SERIES);
        });
        expect(large.map(([name, { length }]) => [name, length])).toEqual([]);
      }
      expect([...values.keys()].filter((label) => MAX_VALUES[label] === undefined)).toEqual([]);
      const many = [...values].filter(([label, { size }]) => size > (MAX_VALUES[label] ?? 0));
      expect(many.map(([label, { size }]) => [label, size])).toEqual([]);
      // the bounds were reached
      expect(values.get('model')?.has('other')).toBe(true);
      expect(values.get('tenant')?.has('other')).toBe(true);
      expect([values.get('model')?.size, values.get('tenant')?.size]).toEqual([201, 201]);

      const all = [...values.values()].flatMap((set) => [...set]);
      expect(all.filter((value) => ids.some((id) => value.includes(id)))).toEqual([]);
      expect(all.filter((value) => /[0-9a-f]{8}-[0-9a-f]{4}/.test(value))).toEqual([]);
      expect(all.filter((value) => value.includes('the-secret-of'))).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

/** A histogram has a series for each bucket. */
const bucketsOf = (name: string) => (name.endsWith('_bucket') ? MAX_BUCKETS : 1);
