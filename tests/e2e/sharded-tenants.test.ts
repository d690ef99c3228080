import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { canary, eventually, wordsIn } from '@millrace/testing';
import { type ListPage, numbers, ServiceCalls } from './service-calls.ts';
import { inShard, ShardedSystem } from './sharded-system.ts';
import type { SystemHarness } from './system-harness.ts';

const SHARDS = [0, 1] as const;
const ANSWER = ['word ', 'for ', 'word'];
const TIMEOUT_MS = 240_000;

describe('tenants on two shards', () => {
  const SECRETS = {
    own: 'the-secret-of-the-own-tenant',
    other: 'the-secret-of-another-tenant',
    admin: 'the-secret-of-an-admin',
  };
  const key = (name: keyof typeof SECRETS) => ({ 'x-api-key': SECRETS[name] });
  let sharded: ShardedSystem;
  let system: SystemHarness;
  let calls: ServiceCalls;

  beforeAll(async () => {
    sharded = await ShardedSystem.start({
      env: {
        MILLRACE_AUTH: 'apikey',
        MILLRACE_API_KEYS: `own:manager:${SECRETS.own},other:manager:${SECRETS.other},ops:admin:${SECRETS.admin}`,
        // the words that are erased are to be seen before
        MILLRACE_ENCRYPTION_KEYS: '',
      },
    });
    ({ system } = sharded);
    calls = new ServiceCalls(system, ANSWER.join(''));
    system.model.answer(ANSWER, { usage: { inputTokens: 3, outputTokens: 2 } });
  }, TIMEOUT_MS);
  afterAll(() => sharded?.[Symbol.asyncDispose](), TIMEOUT_MS);

  const usage = async (by: string, name: keyof typeof SECRETS) => {
    const answer = await calls.send('GET', `/usage?by=${by}`, undefined, key(name));
    return ((await answer.json()) as { items: Record<string, number | string>[] }).items;
  };

  it('have their use added up', async () => {
    for (const nth of numbers(10)) await calls.run({ query: 'counted' }, { ...inShard(nth % 2), ...key('own') });
    for (const nth of numbers(3)) await calls.run({ query: 'counted' }, { ...inShard(nth % 2), ...key('other') });
    const [own] = await eventually(async () => {
      const rows = await usage('day', 'own');
      return rows[0]?.['attempts'] === 10 && rows;
    });
    expect(own).toMatchObject({ jobs: 10, attempts: 10, inputTokens: 30, outputTokens: 20 });
    const byTenant = await eventually(async () => {
      const rows = await usage('tenant', 'admin');
      return rows.length === 2 && rows.every(({ jobs, attempts }) => jobs === attempts) && rows;
    });
    expect(byTenant).toMatchObject([
      { tenant: 'other', jobs: 3, outputTokens: 6 },
      { tenant: 'own', jobs: 10, outputTokens: 20 },
    ]);
    const tenants = (await (await calls.send('GET', '/console/tenants', undefined, key('admin'))).json()) as {
      items: { tenant: string; today: object }[];
    };
    expect(tenants.items.find(({ tenant }) => tenant === 'own')?.today).toMatchObject({ jobs: 10, outputTokens: 20 });
  });

  it('have limits that an admin sets, and their use, as those of one', async () => {
    const set = await calls.send('PUT', '/tenants/own/limits', { queuedJobs: 20, activeJobs: 10 }, key('admin'));
    expect([set.status, await set.json()]).toMatchObject([200, { limits: { queuedJobs: 20, activeJobs: 10 } }]);
    const gates = numbers(4).map((nth) => system.model.gated({ to: `used ${nth}` }));
    const ids = await Promise.all(
      numbers(4).map((nth) => calls.create({ query: `used ${nth}` }, { ...inShard(nth % 2), ...key('own') })),
    );
    await Promise.all(gates.map(({ request }) => request));
    for (const at of [system.node(0), system.node(1)]) {
      const shown = await eventually(async () => {
        const told = (await (await calls.send('GET', '/tenants/own/limits', undefined, key('own'), at)).json()) as {
          limits: Record<string, number>;
          use: Record<string, number>;
        };
        return told.use['activeJobs'] === 4 && told.limits['queuedJobs'] === 20 && told;
      });
      expect(shown).toMatchObject({ limits: { queuedJobs: 20, activeJobs: 10 }, use: { queuedJobs: 4 } });
    }
    await Promise.all(gates.map((gate) => gate.finish()));
    for (const id of ids)
      await eventually(async () => {
        const { status } = (await (await calls.send('GET', `/jobs/${id}`, undefined, key('own'))).json()) as {
          status: string;
        };
        return status === 'completed';
      });
    expect((await calls.send('PUT', '/tenants/own/limits', {}, key('admin'))).status).toBe(200);
  });

  it('never meet: what one has in a shard, the other does not find', async () => {
    const id = 'an-id-that-two-choose';
    for (const name of ['own', 'other'] as const)
      await calls.run({ query: `of ${name}` }, { 'x-request-id': id, ...key(name) });
    const ambiguous = await calls.send('GET', `/jobs/${id}`, undefined, key('admin'));
    expect([ambiguous.status, await ambiguous.json()]).toMatchObject([409, { code: 'AMBIGUOUS_ID' }]);
    expect((await calls.send('GET', `/jobs/${id}?tenant=own`, undefined, key('admin'))).status).toBe(200);
    const made = await calls.create({ query: 'mine' }, { ...inShard(1), ...key('own') });
    expect((await calls.send('GET', `/jobs/${made}`, undefined, key('other'))).status).toBe(404);
    // an admin names it without its tenant
    expect((await calls.send('GET', `/jobs/${made}`, undefined, key('admin'))).status).toBe(200);
  });

  it('are erased in all of them', async () => {
    const [asked, kept] = [canary('a prompt that is erased'), canary('a prompt of another tenant')];
    const remains = async (word: string) =>
      (await Promise.all(sharded.servers.map(({ url }) => wordsIn(url, word)))).map(({ length }) => length > 0);
    for (const nth of numbers(4)) {
      const headers = { ...inShard(nth % 2), ...key('own'), 'idempotency-key': `${asked}${nth}` };
      await calls.run({ query: asked, threadId: `erased-${nth}`, metadata: { note: asked } }, headers);
      await calls.run({ query: kept, metadata: { note: kept } }, { ...inShard(nth % 2), ...key('other') });
    }
    const gates = SHARDS.map((shard) => system.model.gated({ to: `${asked} ${shard}` }));
    for (const shard of SHARDS)
      await calls.create({ query: `${asked} ${shard}` }, { ...inShard(shard), ...key('own') });
    await Promise.all(gates.map((gate) => gate.say('so far')));
    expect([await remains(asked), await remains(kept)]).toEqual([
      [true, true],
      [true, true],
    ]);
    expect((await calls.send('DELETE', '/tenants/own/data', undefined, key('admin'))).status).toBe(204);
    for (const gate of gates) expect((await (await gate.request).ended).by).toBe('client');
    expect([await remains(asked), await remains(kept)]).toEqual([
      [false, false],
      [true, true],
    ]);
    const jobs = (await (await calls.send('GET', '/jobs', undefined, key('own'))).json()) as ListPage;
    const threads = (await (await calls.send('GET', '/threads', undefined, key('own'))).json()) as ListPage;
    expect([jobs.items, threads.items]).toEqual([[], []]);
  });
});
