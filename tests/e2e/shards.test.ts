import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newRequestId, shardNamedBy } from '@millrace/contracts';
import { Child, canary, eventually, readSse, type SseReader, wordsIn } from '@millrace/testing';
import OpenAI from 'openai';
import { ShardedSystem } from './sharded-system.ts';
import { facts, idOf, type SystemHarness } from './system-harness.ts';
import { Receiver } from './webhook-receiver.ts';

const SHARDS = [0, 1] as const;
const ANSWER = ['word ', 'for ', 'word'];
const TIMEOUT_MS = 120_000;

interface Page {
  readonly items: readonly { readonly id: string }[];
  readonly nextCursor: string | null;
  readonly incomplete?: boolean;
}

let system: SystemHarness;

function send(method: string, path: string, body?: object, headers: Readonly<Record<string, string>> = {}, at = '') {
  return fetch(`${at === '' ? system.url : at}${path}`, {
    method,
    headers: { accept: 'application/json', ...(body && { 'content-type': 'application/json' }), ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
}

async function get<T>(path: string, at?: string): Promise<T> {
  const answer = await send('GET', path, undefined, {}, at);
  expect([path, answer.status]).toEqual([path, 200]);
  return (await answer.json()) as T;
}

/** Makes a job whose answer nobody reads.
 *  @returns its id */
async function create(body: object, headers: Readonly<Record<string, string>> = {}, at?: string): Promise<string> {
  const answer = await send('POST', '/jobs', body, headers, at);
  if (!answer.ok) throw new Error(await answer.text());
  return ((await answer.json()) as { id: string }).id;
}

const inShard = (shard: number) => ({ 'x-request-id': newRequestId(shard) });

async function run(body: object, headers: Readonly<Record<string, string>> = {}, at?: string): Promise<SseReader> {
  const stream = await system.ask(body, { headers, ...(at !== undefined && { at }) });
  await stream.collect();
  expect([stream.terminal()?.event, stream.text()]).toEqual(['done', ANSWER.join('')]);
  return stream;
}

const ended = (id: string, at?: string) =>
  eventually(async () => {
    const { status } = await get<{ status: string }>(`/jobs/${id}`, at);
    return !['queued', 'active'].includes(status) && status;
  });

/** All pages of a list, as one. */
async function listed(path: string, limit: number): Promise<Page['items'][number][]> {
  const items: Page['items'][number][] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: Page = await get(`${path}limit=${limit}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    expect(page.items.length).toBeLessThanOrEqual(limit);
    expect(page.incomplete ?? false).toBe(false);
    items.push(...page.items);
    cursor = page.nextCursor;
  }
  return items;
}

/** The conversation, as `role content`. */
async function conversation(threadId: string, at?: string): Promise<string[]> {
  const { items } = await get<{ items: { role: string; content: string }[] }>(
    `/threads/${threadId}/messages?limit=100`,
    at,
  );
  return items.map(({ role, content }) => `${role} ${content}`);
}

const idle = (threadId: string) =>
  eventually(async () => (await get<{ status: string }>(`/threads/${threadId}`)).status === 'idle');

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

describe('two shards', () => {
  let sharded: ShardedSystem;
  let receiver: Receiver;

  beforeAll(async () => {
    receiver = await new Receiver().start();
    sharded = await ShardedSystem.start({
      env: {
        MILLRACE_WEBHOOK_SECRET: `whsec_${randomBytes(32).toString('base64')}`,
        MILLRACE_WEBHOOK_ALLOW: '127.0.0.1',
        MILLRACE_DISCONNECT_GRACE_MS: '300',
        MILLRACE_GRAPHS: fileURLToPath(new URL('remembering-agent/langgraph.json', import.meta.url)),
      },
    });
    ({ system } = sharded);
    system.model.answer(ANSWER);
  }, TIMEOUT_MS);
  afterAll(async () => {
    await sharded?.[Symbol.asyncDispose]();
    await receiver?.[Symbol.asyncDispose]();
  }, TIMEOUT_MS);

  /** Makes threads until there is one in a shard. */
  async function threadIn(shard: number): Promise<string> {
    for (;;) {
      const { id } = (await (await send('POST', '/threads')).json()) as { id: string };
      const [place] = await sharded.placesOfThread(id);
      if (place === shard) return id;
    }
  }

  it('share the jobs, whose ids name them, and every node finds each', async () => {
    const ids = await Promise.all(numbers(24).map((nth) => create({ query: 'shared' }, {}, system.node(nth))));
    for (const [nth, id] of ids.entries()) {
      expect(id).toMatch(/^[A-Za-z0-9_-]{24}-s[01]$/);
      expect(await sharded.placesOfJob(id)).toEqual([shardNamedBy(id)]);
      // from the other one
      await ended(id, system.node(nth + 1));
      expect(await system.job(id, system.node(nth + 1))).toMatchObject({ status: 'completed', text: ANSWER.join('') });
    }
    expect(new Set(ids.map(shardNamedBy))).toEqual(new Set(SHARDS));
  });

  it('have jobs of chosen ids in one place, which every node finds; the same id again is the same job', async () => {
    const ids = numbers(16).map((nth) => `chosen-by-a-client-${nth}`);
    const before = system.model.requests.length;
    for (const [nth, id] of ids.entries()) {
      const stream = await run({ query: 'chosen' }, { 'x-request-id': id }, system.node(nth));
      const again = await run({ query: 'chosen' }, { 'x-request-id': id }, system.node(nth + 1));
      expect([idOf(stream), facts(again)]).toEqual([id, facts(stream)]);
      expect(await get(`/jobs/${id}`, system.node(nth + 1))).toMatchObject({ id, status: 'completed' });
    }
    const places = await Promise.all(ids.map((id) => sharded.placesOfJob(id)));
    expect(places.map(({ length }) => length)).toEqual(ids.map(() => 1));
    expect(new Set(places.flat())).toEqual(new Set(SHARDS));
    expect(system.model.requests).toHaveLength(before + ids.length);
  });

  it('know no id that neither has', async () => {
    for (const id of ['an-id-that-nobody-has-used', newRequestId(0), newRequestId(1), newRequestId(7), newRequestId()])
      expect([id, (await send('GET', `/jobs/${id}`)).status]).toEqual([id, 404]);
  });

  it.each(SHARDS)('stream and resume on another node, in shard %i', async (shard) => {
    const gate = system.model.gated({ to: `resumed ${shard}` });
    await using created = await system.askUntilText(`resumed ${shard}`, gate, 'one ', {
      headers: inShard(shard),
      at: system.node(0),
    });
    const { id: after = '' } = await created.until(({ event }) => event === 'started');
    await using resumed = await system.watch(idOf(created), { after, at: system.node(1) });
    await gate.say('two');
    await gate.finish();
    await Promise.all([created.collect(), resumed.collect()]);
    expect(created.text()).toBe('one two');
    expect(facts(resumed)).toEqual(facts(created).slice(created.events.findIndex(({ id }) => id === after) + 1));
    expect(await sharded.placesOfJob(idOf(created))).toEqual([shard]);
  });

  it.each(SHARDS)('cancel what runs and what waits, in shard %i', async (shard) => {
    const gate = system.model.gated({ to: `cancelled ${shard}` });
    const running = await create({ query: `cancelled ${shard}` }, inShard(shard), system.node(0));
    const request = await gate.request;
    await gate.say('so far');
    const answer = await send('DELETE', `/jobs/${running}`, undefined, {}, system.node(1));
    expect([answer.status, await answer.json()]).toMatchObject([200, { id: running, status: 'cancelled' }]);
    expect((await request.ended).by).toBe('client');
    const waiting = await create({ query: 'later', delayMs: 60_000 }, inShard(shard));
    expect((await send('DELETE', `/jobs/${waiting}`)).status).toBe(200);
    expect((await send('DELETE', `/jobs/${waiting}/data`)).status).toBe(204);
    expect([await sharded.placesOfJob(waiting), (await send('GET', `/jobs/${waiting}`)).status]).toEqual([[], 404]);
  });

  it('cancel all that run at once', async () => {
    const gates = SHARDS.flatMap((shard) => numbers(2).map((nth) => system.model.gated({ to: `all ${shard} ${nth}` })));
    const jobs = SHARDS.flatMap((shard) =>
      numbers(2).map((nth) => create({ query: `all ${shard} ${nth}` }, inShard(shard))),
    );
    await Promise.all(jobs);
    await Promise.all(gates.map(({ request }) => request));
    expect(await (await send('DELETE', '/jobs?status=active')).json()).toEqual({ cancelled: jobs.length });
    for (const { request } of gates) expect((await (await request).ended).by).toBe('client');
  });

  it('list together, newest first, each job once, whatever the pages', async () => {
    const made: string[] = [];
    for (const nth of numbers(20)) made.push(await create({ query: 'listed' }, inShard(nth % 3 === 0 ? 0 : 1)));
    await Promise.all(made.map((id) => ended(id)));
    for (const limit of [1, 7, 100]) {
      const items = await listed('/jobs?status=completed&', limit);
      const ids = items.map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      expect(ids.filter((id) => made.includes(id))).toEqual(made.toReversed());
    }
  });

  it.each(SHARDS)('have a thread in shard %i whose turns are in both', async (shard) => {
    const threadId = await threadIn(shard);
    const jobs: string[] = [];
    for (const turn of numbers(6)) {
      const stream = await run({ threadId, query: `turn ${turn}` }, inShard(turn % 2), system.node(turn));
      jobs.push(idOf(stream));
    }
    const whole = numbers(6).flatMap((turn) => [`user turn ${turn}`, `assistant ${ANSWER.join('')}`]);
    for (const at of [system.node(0), system.node(1)]) expect(await conversation(threadId, at)).toEqual(whole);
    // the model was told all that was said
    expect(system.model.requests.at(-1)?.body.messages).toHaveLength(11);
    const { items } = await get<Page>(`/jobs?threadId=${threadId}`);
    expect(items.map(({ id }) => id)).toEqual(jobs.toReversed());

    const { items: messages } = await get<{ items: { messageId: string }[] }>(`/threads/${threadId}/messages`);
    const cut = { before: { messageId: messages[8]?.messageId } };
    const fork = (await (await send('POST', `/threads/${threadId}/fork`, cut)).json()) as { id: string };
    await run({ threadId: fork.id, query: 'asked otherwise' }, inShard(1 - shard));
    expect((await send('DELETE', `/threads/${threadId}`)).status).toBe(204);
    expect((await send('GET', `/threads/${threadId}`)).status).toBe(404);
    for (const id of jobs)
      expect([await sharded.placesOfJob(id), (await send('GET', `/jobs/${id}`)).status]).toEqual([[], 404]);
    expect(await get(`/jobs?threadId=${threadId}`)).toMatchObject({ items: [], nextCursor: null });
    expect(await conversation(fork.id)).toEqual([
      ...whole.slice(0, 8),
      'user asked otherwise',
      `assistant ${ANSWER.join('')}`,
    ]);
  });

  it.each(SHARDS.flatMap((thread) => SHARDS.map((job) => [thread, job] as const)))(
    'let a thread in shard %i run one job at a time, one of which is in shard %i',
    async (threadsShard, jobsShard) => {
      const threadId = await threadIn(threadsShard);
      const prompt = `first ${threadsShard} ${jobsShard}`;
      const gate = system.model.gated({ to: prompt });
      await using first = await system.askUntilText({ threadId, query: prompt }, gate, 'Half', {
        headers: inShard(jobsShard),
      });
      const busy = await send(
        'POST',
        '/jobs',
        { threadId, query: 'refused', onBusy: 'reject' },
        inShard(1 - jobsShard),
      );
      expect([busy.status, await busy.json()]).toMatchObject([409, { code: 'THREAD_BUSY' }]);
      const waiting = await create({ threadId, query: 'second' }, inShard(1 - jobsShard));
      const third = await create({ threadId, query: 'third', onBusy: 'interrupt' }, inShard(jobsShard));
      await first.collect();
      expect(first.terminal()).toMatchObject({ event: 'cancelled', data: { by: 'thread' } });
      expect(await Promise.all([waiting, third].map((id) => ended(id)))).toEqual(['completed', 'completed']);
      await idle(threadId);
      const said = `assistant ${ANSWER.join('')}`;
      expect(await conversation(threadId)).toEqual([
        ...[`user ${prompt}`, 'assistant Half'],
        ...['user third', said, 'user second', said],
      ]);
    },
  );

  it('follow a thread from job to job, across them', async () => {
    const threadId = await threadIn(0);
    await run({ threadId, query: 'before anybody follows' }, inShard(1));
    await using follower = await readSse(`${system.node(0)}/threads/${threadId}/stream`, {
      headers: { 'last-event-id': '0/0-0' },
    });
    const jobs = [];
    for (const turn of numbers(4))
      jobs.push(await run({ threadId, query: `followed ${turn}` }, inShard(turn % 2), system.node(1)));
    for (const job of jobs) await follower.until(({ id }) => id === `${idOf(job)}/${job.terminal()?.id}`);
    expect(follower.events.filter(({ event }) => event === 'done')).toHaveLength(5);
  });

  it('keep the states of agents, and one memory for all agents of a tenant', async () => {
    interface State {
      readonly values: { readonly note: string; readonly before: string | null; readonly answer?: string };
    }
    const names = numbers(8).map((nth) => `remembering-${nth}`);
    const tell = async (body: object, shard: number, at: string) => {
      await using stream = await system.ask(body, { headers: inShard(shard), at });
      await stream.collect();
      expect(stream.terminal()?.event).toBe('done');
    };
    for (const [nth, threadId] of names.entries()) {
      const [shard, at] = [nth % 2, system.node(nth)];
      await tell({ threadId, pipeline: 'remembering', input: { note: `note ${nth}` } }, shard, at);
      const before = nth === 0 ? null : `note ${nth - 1}`;
      expect((await get<State>(`/threads/${threadId}/state`)).values).toMatchObject({ note: `note ${nth}`, before });
      const fork = (await (await send('POST', `/threads/${threadId}/fork`)).json()) as { id: string };
      for (const [each, answer] of Object.entries({ [threadId]: 'yes', [fork.id]: 'no' })) {
        await tell({ threadId: each, resume: answer }, 1 - shard, system.node(nth + 1));
        expect((await get<State>(`/threads/${each}/state`)).values).toMatchObject({ note: `note ${nth}`, answer });
      }
    }
    const places = await Promise.all(names.map((name) => sharded.placesOfThread(name)));
    expect(places.map(({ length }) => length)).toEqual(names.map(() => 1));
    expect(new Set(places.flat())).toEqual(new Set(SHARDS));
    const threads = (await listed('/threads?', 3)).map(({ id }) => id);
    expect(new Set(threads).size).toBe(threads.length);
    expect(threads.filter((id) => names.includes(id))).toEqual(names.toReversed());
  });

  it('know an idempotency key on every node', async () => {
    const before = system.model.requests.length;
    for (const nth of numbers(12)) {
      const headers = { 'idempotency-key': `key ${nth}` };
      const first = await run({ query: 'once' }, headers, system.node(nth));
      const again = await run({ query: 'once' }, headers, system.node(nth + 1));
      expect([idOf(again), facts(again)]).toEqual([idOf(first), facts(first)]);
      const other = await send('POST', '/jobs', { query: 'something else' }, headers);
      expect([other.status, await other.json()]).toMatchObject([422, { code: 'IDEMPOTENCY_MISMATCH' }]);
    }
    expect(system.model.requests).toHaveLength(before + 12);
  });

  it('tell the ends of their jobs to webhooks, once', async () => {
    const ids: string[] = [];
    for (const nth of numbers(6))
      ids.push(await create({ query: 'told', webhook: `${receiver.url}/told-${nth}` }, inShard(nth % 2)));
    for (const [nth, id] of ids.entries()) {
      const [told] = await eventually(() => receiver.at(`/told-${nth}`).length > 0 && receiver.at(`/told-${nth}`));
      expect(JSON.parse(told?.body ?? '')).toMatchObject({ id, status: 'completed' });
    }
    expect(receiver.received).toHaveLength(ids.length);
  });

  it.each(SHARDS)('cancel a job in shard %i whose reader has gone', async (shard) => {
    const gate = system.model.gated({ to: `left ${shard}` });
    const body = { query: `left ${shard}`, onDisconnect: 'cancel' };
    const stream = await system.askUntilText(body, gate, 'so far', { headers: inShard(shard), at: system.node(shard) });
    await stream.close();
    expect((await (await gate.request).ended).by).toBe('client');
    await using replay = await system.watch(idOf(stream));
    await replay.collect();
    expect(replay.terminal()).toMatchObject({ event: 'cancelled', data: { by: 'disconnect' } });
  });

  it('start delayed jobs, and take none while the queue is paused', async () => {
    const delayed = await Promise.all(
      SHARDS.map((shard) => create({ query: 'delayed', delayMs: 1_000 }, inShard(shard))),
    );
    for (const id of delayed) expect(await ended(id)).toBe('completed');
    expect((await send('POST', '/queue/pause')).status).toBe(204);
    const before = system.model.requests.length;
    const held = await Promise.all(SHARDS.map((shard) => create({ query: 'held' }, inShard(shard))));
    const [first] = held;
    // long enough for a job that nobody holds
    await using stream = await system.watch(first ?? '');
    await expect(
      Promise.race([ended(first ?? '').then(() => 'run'), new Promise((hold) => setTimeout(hold, 1_500, 'held'))]),
    ).resolves.toBe('held');
    expect(system.model.requests).toHaveLength(before);
    expect((await send('POST', '/queue/resume')).status).toBe(204);
    for (const id of held) expect(await ended(id)).toBe('completed');
    await stream.collect();
  });

  it('have a backup restored by itself (docs/operations.md)', async () => {
    const ids = await Promise.all(
      SHARDS.map((shard) => create({ query: 'restored', delayMs: 60_000 }, inShard(shard))),
    );
    const lastEvents = () => Promise.all(ids.map(async (id) => (await system.job(id))['lastEventId']));
    const restored = async (...shard: string[]) => {
      const child = await Child.start({
        command: process.execPath,
        args: [fileURLToPath(new URL('../../services/api/dist/restored-main.js', import.meta.url)), ...shard],
        env: { PATH: process.env['PATH'], ...system.envOf('api') },
      });
      return { ...(await child.exited), said: child.lines.join('\n') };
    };
    const before = await lastEvents();
    // it must be said which
    expect(await restored()).toMatchObject({ code: 1, said: expect.stringMatching(/number from 0 to 1/) });
    expect(await lastEvents()).toEqual(before);
    expect(await restored('1')).toMatchObject({ code: 0, said: expect.stringContaining('"jobs":1') });
    const [first, second] = await lastEvents();
    expect([first === before[0], second === before[1]]).toEqual([true, false]);
    for (const id of ids) expect((await send('DELETE', `/jobs/${id}`)).status).toBe(200);
  });

  it('serve the client of OpenAI', async () => {
    const client = new OpenAI({ baseURL: `${system.url}/v1`, apiKey: 'k' });
    const asked = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: 'of a client' }] };
    const ids: string[] = [];
    // each is in either shard by chance: that all are in one is once in a million
    for (const _ of numbers(20)) {
      const stream = client.chat.completions.stream(asked);
      expect(await stream.finalContent()).toBe(ANSWER.join(''));
      ids.push((await stream.finalChatCompletion()).id.replace(/^chatcmpl-/, ''));
    }
    expect(new Set(ids.map(shardNamedBy))).toEqual(new Set(SHARDS));
    for (const id of ids) expect(await get(`/jobs/${id}`)).toMatchObject({ status: 'completed' });
  });

  it('are one service to operators: figures are sums, and a worker is one worker', async () => {
    const gates = SHARDS.flatMap((shard) =>
      numbers(3).map((nth) => system.model.gated({ to: `seen ${shard} ${nth}` })),
    );
    const ids = await Promise.all(
      SHARDS.flatMap((shard) => numbers(3).map((nth) => create({ query: `seen ${shard} ${nth}` }, inShard(shard)))),
    );
    await Promise.all(gates.map((gate) => gate.say('so far')));
    await using now = await readSse(`${system.node(0)}/console/now`);
    const { data } = await now.until(
      ({ event, data: told }) =>
        event === 'service' && told.queue.active === ids.length && told.slots.running === ids.length,
    );
    expect(data.by.pipeline).toContainEqual(expect.objectContaining({ name: 'chat', active: ids.length, queued: 0 }));
    expect([data.workers.length, data.nodes.length]).toEqual([2, 2]);
    expect(new Set(data.workers.map(({ id }: { id: string }) => id)).size).toBe(2);
    expect(data.slots.all).toBe(100);
    // quiet for 5 s
    const { data: later } = await now.until(
      ({ event, data: told }) => event === 'service' && told.quiet.length === ids.length,
    );
    expect(new Set(later.quiet.map(({ id }: { id: string }) => id))).toEqual(new Set(ids));
    const { items: workers } = await get<{ items: { id: string; slots: number }[] }>('/workers');
    expect(workers.map(({ slots }) => slots)).toEqual([50, 50]);
    const { items: found } = await get<{ items: { id: string }[] }>(`/console/jobs?id=${ids[0]}`);
    expect(found.map(({ id }) => id)).toEqual([ids[0]]);
    const { items: active } = await get<{ items: { id: string }[] }>('/console/jobs?status=active');
    expect(new Set(active.map(({ id }) => id))).toEqual(new Set(ids));
    const metrics = await (await fetch(`${system.node(1)}/metrics`)).text();
    expect(metrics).toMatch(new RegExp(`^millrace_open_jobs\\{.*state="active".*\\} ${ids.length}$`, 'm'));
    expect(metrics.match(/^millrace_shard_up\{.*\} 1$/gm)).toHaveLength(2);
    expect(metrics).toMatch(/^millrace_processes\{.*kind="worker".*\} 2$/m);
    await Promise.all(gates.map((gate) => gate.finish()));
    for (const id of ids) expect(await ended(id)).toBe('completed');
  });
});

describe('tenants on two shards', () => {
  const SECRETS = {
    own: 'the-secret-of-the-own-tenant',
    other: 'the-secret-of-another-tenant',
    admin: 'the-secret-of-an-admin',
  };
  const key = (name: keyof typeof SECRETS) => ({ 'x-api-key': SECRETS[name] });
  let sharded: ShardedSystem;

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
    system.model.answer(ANSWER, { usage: { inputTokens: 3, outputTokens: 2 } });
  }, TIMEOUT_MS);
  afterAll(() => sharded?.[Symbol.asyncDispose](), TIMEOUT_MS);

  const usage = async (by: string, name: keyof typeof SECRETS) => {
    const answer = await send('GET', `/usage?by=${by}`, undefined, key(name));
    return ((await answer.json()) as { items: Record<string, number | string>[] }).items;
  };

  it('have their use added up', async () => {
    for (const nth of numbers(10)) await run({ query: 'counted' }, { ...inShard(nth % 2), ...key('own') });
    for (const nth of numbers(3)) await run({ query: 'counted' }, { ...inShard(nth % 2), ...key('other') });
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
    const tenants = (await (await send('GET', '/console/tenants', undefined, key('admin'))).json()) as {
      items: { tenant: string; today: object }[];
    };
    expect(tenants.items.find(({ tenant }) => tenant === 'own')?.today).toMatchObject({ jobs: 10, outputTokens: 20 });
  });

  it('have limits that an admin sets, and their use, as those of one', async () => {
    const set = await send('PUT', '/tenants/own/limits', { queuedJobs: 20, activeJobs: 10 }, key('admin'));
    expect([set.status, await set.json()]).toMatchObject([200, { limits: { queuedJobs: 20, activeJobs: 10 } }]);
    const gates = numbers(4).map((nth) => system.model.gated({ to: `used ${nth}` }));
    const ids = await Promise.all(
      numbers(4).map((nth) => create({ query: `used ${nth}` }, { ...inShard(nth % 2), ...key('own') })),
    );
    await Promise.all(gates.map(({ request }) => request));
    for (const at of [system.node(0), system.node(1)]) {
      const shown = await eventually(async () => {
        const told = (await (await send('GET', '/tenants/own/limits', undefined, key('own'), at)).json()) as {
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
        const { status } = (await (await send('GET', `/jobs/${id}`, undefined, key('own'))).json()) as {
          status: string;
        };
        return status === 'completed';
      });
    expect((await send('PUT', '/tenants/own/limits', {}, key('admin'))).status).toBe(200);
  });

  it('never meet: what one has in a shard, the other does not find', async () => {
    const id = 'an-id-that-two-choose';
    for (const name of ['own', 'other'] as const)
      await run({ query: `of ${name}` }, { 'x-request-id': id, ...key(name) });
    const ambiguous = await send('GET', `/jobs/${id}`, undefined, key('admin'));
    expect([ambiguous.status, await ambiguous.json()]).toMatchObject([409, { code: 'AMBIGUOUS_ID' }]);
    expect((await send('GET', `/jobs/${id}?tenant=own`, undefined, key('admin'))).status).toBe(200);
    const made = await create({ query: 'mine' }, { ...inShard(1), ...key('own') });
    expect((await send('GET', `/jobs/${made}`, undefined, key('other'))).status).toBe(404);
    // an admin names it without its tenant
    expect((await send('GET', `/jobs/${made}`, undefined, key('admin'))).status).toBe(200);
  });

  it('are erased in all of them', async () => {
    const [asked, kept] = [canary('a prompt that is erased'), canary('a prompt of another tenant')];
    const remains = async (word: string) =>
      (await Promise.all(sharded.servers.map(({ url }) => wordsIn(url, word)))).map(({ length }) => length > 0);
    for (const nth of numbers(4)) {
      const headers = { ...inShard(nth % 2), ...key('own'), 'idempotency-key': `${asked}${nth}` };
      await run({ query: asked, threadId: `erased-${nth}`, metadata: { note: asked } }, headers);
      await run({ query: kept, metadata: { note: kept } }, { ...inShard(nth % 2), ...key('other') });
    }
    const gates = SHARDS.map((shard) => system.model.gated({ to: `${asked} ${shard}` }));
    for (const shard of SHARDS) await create({ query: `${asked} ${shard}` }, { ...inShard(shard), ...key('own') });
    await Promise.all(gates.map((gate) => gate.say('so far')));
    expect([await remains(asked), await remains(kept)]).toEqual([
      [true, true],
      [true, true],
    ]);
    expect((await send('DELETE', '/tenants/own/data', undefined, key('admin'))).status).toBe(204);
    for (const gate of gates) expect((await (await gate.request).ended).by).toBe('client');
    expect([await remains(asked), await remains(kept)]).toEqual([
      [false, false],
      [true, true],
    ]);
    const jobs = (await (await send('GET', '/jobs', undefined, key('own'))).json()) as Page;
    const threads = (await (await send('GET', '/threads', undefined, key('own'))).json()) as Page;
    expect([jobs.items, threads.items]).toEqual([[], []]);
  });
});

describe('a shard that is added', () => {
  /** What was made before, and must be found by every process afterwards. */
  class Kept {
    readonly jobs: string[] = [];
    readonly threads: string[] = [];
    readonly keys = new Map<string, string>();

    /** Makes some of each. */
    async add(name: string, at?: string): Promise<void> {
      for (const nth of numbers(8)) {
        this.jobs.push(idOf(await run({ query: 'kept' }, {}, at)));
        const chosen = `chosen-${name}-${nth}-of-its-client`;
        this.jobs.push(idOf(await run({ query: 'kept' }, { 'x-request-id': chosen }, at)));
        const idempotencyKey = `${name} ${nth}`;
        this.keys.set(idempotencyKey, idOf(await run({ query: 'kept' }, { 'idempotency-key': idempotencyKey }, at)));
        const threadId = `thread-${name}-${nth}`;
        this.threads.push(threadId);
        this.jobs.push(idOf(await run({ threadId, query: 'said 0' }, {}, at)));
      }
    }

    /** Looks for all of it at a node, and goes on in every thread. */
    async check(at: string): Promise<void> {
      for (const id of this.jobs) {
        expect(await get(`/jobs/${id}`, at)).toMatchObject({ id, status: 'completed', text: ANSWER.join('') });
        if (id.startsWith('chosen-')) await run({ query: 'kept' }, { 'x-request-id': id }, at);
      }
      for (const [idempotencyKey, id] of this.keys) {
        expect(idOf(await run({ query: 'kept' }, { 'idempotency-key': idempotencyKey }, at))).toBe(id);
      }
      for (const threadId of this.threads) {
        const before = await conversation(threadId, at);
        expect(before.length).toBeGreaterThanOrEqual(2);
        this.jobs.push(idOf(await run({ threadId, query: `said ${before.length}` }, {}, at)));
        expect(await conversation(threadId, at)).toHaveLength(before.length + 2);
      }
    }

    /** Of what there is, each in one place. */
    async places(sharded: ShardedSystem): Promise<{ jobs: Set<number>; threads: Set<number> }> {
      const jobs = await Promise.all(this.jobs.map((id) => sharded.placesOfJob(id)));
      const threads = await Promise.all(this.threads.map((id) => sharded.placesOfThread(id)));
      for (const places of [...jobs, ...threads]) expect(places).toHaveLength(1);
      return { jobs: new Set(jobs.flat()), threads: new Set(threads.flat()) };
    }
  }

  it.each([
    {
      name: 'to two',
      servers: 3,
      alone: ([a, b]: string[]) => ({ REDIS_URLS: `${a} ${b}` }),
      grown: ([a, b, c]: string[]) => ({ REDIS_URLS: `${a} ${b} | ${c}` }),
    },
    {
      name: 'to the only Redis',
      servers: 2,
      alone: ([a]: string[]) => ({ REDIS_URL: `${a}` }),
      grown: ([a, b]: string[]) => ({ REDIS_URLS: `${a} | ${b}` }),
    },
  ])(
    '$name: everything from before is found, and what is new goes there, too',
    async ({ name, servers, alone, grown }) => {
      await using sharded = await ShardedSystem.start({ servers, shards: (...urls) => alone(urls) });
      ({ system } = sharded);
      system.model.answer(ANSWER);
      const [old, all] = [new Set(numbers(servers - 1)), new Set(numbers(servers))];
      const kept = new Kept();
      await kept.add(`before-${name.replaceAll(' ', '-')}`);
      expect(await kept.places(sharded)).toEqual({ jobs: old, threads: old });
      const delayed = await create({ query: 'kept', delayMs: 20_000, threadId: kept.threads[0] });
      const nodes = () => [system.node(0), system.node(1)];
      const everywhere = async () => {
        for (const at of nodes()) await kept.check(at);
      };

      // every process knows of it, and puts nothing there: meanwhile some of the others do not know of it
      let steps = 0;
      const sideBySide = async () => {
        steps += 1;
        await kept.add(`beside-${steps}`, system.node(steps));
        await everywhere();
      };
      await sharded.rollOut({ ...grown(sharded.urls), MILLRACE_SHARDS_IN_USE: String(servers - 1) }, sideBySide);
      expect(await kept.places(sharded)).toEqual({ jobs: old, threads: old });

      await sharded.rollOut({ ...grown(sharded.urls), MILLRACE_SHARDS_IN_USE: '' }, sideBySide);
      await kept.add('afterwards');
      await everywhere();
      expect(await ended(delayed)).toBe('completed');
      expect(await kept.places(sharded)).toEqual({ jobs: all, threads: all });
      const found = (await listed('/jobs?', 50)).map(({ id }) => id);
      expect(new Set(found).size).toBe(found.length);
      expect([...kept.jobs, ...kept.keys.values()].filter((id) => !found.includes(id))).toEqual([]);
      // nothing has moved, and what was there before is still where it was
      expect((await Promise.all(kept.jobs.slice(0, 8).map((id) => sharded.placesOfJob(id)))).flat()).not.toContain(
        servers - 1,
      );
    },
    600_000,
  );
});
