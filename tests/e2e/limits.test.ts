import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type LimitedTenant, Millrace, type TenantLimits } from '@millrace/client';
import { eventually } from '@millrace/testing';
import { SystemHarness } from './system-harness.ts';

const ADMIN = { 'x-api-key': 'the-secret-of-the-admin' };
const keyOf = (tenant: string) => ({ 'x-api-key': `the-secret-of-the-tenant-${tenant}` });
const TENANTS = ['jobs', 'requests', 'slots', 'neighbour'];
const TIMEOUT_MS = 240_000;

describe('limits that an admin sets, through nginx and two nodes', () => {
  let system: SystemHarness;

  beforeAll(async () => {
    const keys = TENANTS.map((tenant) => `${tenant}:user:the-secret-of-the-tenant-${tenant}`);
    system = await SystemHarness.start({
      env: {
        ...{ MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: `ops:admin:${ADMIN['x-api-key']},${keys}` },
        ...{ MILLRACE_WORKER_GRACE_MS: '0', MILLRACE_WORKER_CONCURRENCY: '100' },
        // what is parked is not left to a sweep
        MILLRACE_SWEEP_MS: '600000',
      },
    });
    system.model.answer([{ silence: true }], { to: 'endless' });
  });
  afterAll(() => system?.[Symbol.asyncDispose](), TIMEOUT_MS);

  function limitsAt(url: string, tenant: string): Promise<LimitedTenant> {
    return new Millrace({ baseUrl: url, apiKey: ADMIN['x-api-key'] }).limits.get(tenant);
  }

  /** Sets limits through the proxy, and waits until both nodes have them. */
  async function limit(tenant: string, limits: TenantLimits): Promise<void> {
    const client = new Millrace({ baseUrl: system.url, apiKey: ADMIN['x-api-key'] });
    await client.limits.set(tenant, limits);
    await eventually(async () => {
      const seen = await Promise.all([0, 1].map((node) => limitsAt(system.node(node), tenant)));
      return seen.every((at) =>
        Object.entries(limits).every(([name, value]) => at.limits[name as keyof TenantLimits] === value),
      );
    });
  }

  /** @returns how often each status came */
  async function submit(tenant: string, count: number): Promise<Record<number, number>> {
    const headers = { ...keyOf(tenant), 'content-type': 'application/json', accept: 'application/json' };
    const body = JSON.stringify({ query: 'endless' });
    const statuses: Record<number, number> = {};
    await Promise.all(
      Array.from({ length: count }, async () => {
        const answer = await fetch(`${system.url}/jobs`, { method: 'POST', headers, body });
        statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
        if (answer.status !== 429) return;
        expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
        expect(answer.headers.get('ratelimit')).toContain(';r=0');
        expect(answer.headers.get('ratelimit-policy')).toContain(';q=');
      }),
    );
    return statuses;
  }

  it(
    'hold exactly for 200 requests at once, and no neighbour feels them',
    async () => {
      await limit('jobs', { queuedJobs: 25 });
      await limit('requests', { requestsPerMinute: 25 });
      const answers = await Promise.all([submit('jobs', 200), submit('requests', 200), submit('neighbour', 10)]);
      expect(answers).toEqual([{ 202: 25, 429: 175 }, { 202: 25, 429: 175 }, { 202: 10 }]);
    },
    TIMEOUT_MS,
  );

  it(
    'give a tenant more slots while its jobs wait, and take none away',
    async () => {
      await limit('slots', { activeJobs: 1 });
      expect(await submit('slots', 4)).toEqual({ 202: 4 });
      const active = async () => (await limitsAt(system.url, 'slots')).use['activeJobs'];
      await eventually(async () => (await active()) === 1, { timeoutMs: 20_000 });
      await limit('slots', { activeJobs: 3 });
      await eventually(async () => (await active()) === 3, { timeoutMs: 20_000 });
      await limit('slots', { activeJobs: 2 });
      expect(await active()).toBe(3);
      await limit('slots', { activeJobs: null });
      await eventually(async () => (await active()) === 4, { timeoutMs: 20_000 });
    },
    TIMEOUT_MS,
  );
});
