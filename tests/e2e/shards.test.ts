import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newRequestId, shardNamedBy } from '@millrace/contracts';
import { Child, eventually, readSse } from '@millrace/testing';
import OpenAI from 'openai';
import { type ListPage, numbers, ServiceCalls } from './service-calls.ts';
import { inShard, ShardedSystem } from './sharded-system.ts';
import { facts, idOf, type SystemHarness } from './system-harness.ts';
import { Receiver } from './webhook-receiver.ts';

const SHARDS = [0, 1] as const;
const ANSWER = ['word ', 'for ', 'word'];
const TIMEOUT_MS = 240_000;

let system: SystemHarness;
let calls: ServiceCalls;

describe.each([
  ['servers', false],
  ['a cluster, and a master with a sentinel', true],
])('two shards, %s:', (_, replicated) => {
  let sharded: ShardedSystem;
  let receiver: Receiver;

  beforeAll(async () => {
    receiver = await new Receiver().start();
    sharded = await ShardedSystem.start({
      replicated,
      env: {
        MILLRACE_WEBHOOK_SECRET: `whsec_${randomBytes(32).toString('base64')}`,
        MILLRACE_WEBHOOK_ALLOW: '127.0.0.1',
        MILLRACE_DISCONNECT_GRACE_MS: '1000',
        MILLRACE_GRAPHS: fileURLToPath(new URL('remembering-agent/langgraph.json', import.meta.url)),
      },
    });
    ({ system } = sharded);
    calls = new ServiceCalls(system, ANSWER.join(''));
    system.model.answer(ANSWER);
  }, TIMEOUT_MS);
  afterAll(async () => {
    await sharded?.[Symbol.asyncDispose]();
    await receiver?.[Symbol.asyncDispose]();
  }, TIMEOUT_MS);

  /** Makes threads until there is one in a shard. */
  async function threadIn(shard: number): Promise<string> {
    for (;;) {
      const { id } = (await (await calls.send('POST', '/threads')).json()) as { id: string };
      const [place] = await sharded.placesOfThread(id);
      if (place === shard) return id;
    }
  }

  it('share the jobs, whose ids name them, and every node finds each', async () => {
    const ids = await Promise.all(numbers(24).map((nth) => calls.create({ query: 'shared' }, {}, system.node(nth))));
    for (const [nth, id] of ids.entries()) {
      expect(id).toMatch(/^[A-Za-z0-9_-]{24}-s[01]$/);
      expect(await sharded.placesOfJob(id)).toEqual([shardNamedBy(id)]);
      // from the other one
      await calls.ended(id, system.node(nth + 1));
      expect(await system.job(id, system.node(nth + 1))).toMatchObject({ status: 'completed', text: ANSWER.join('') });
    }
    expect(new Set(ids.map(shardNamedBy))).toEqual(new Set(SHARDS));
  });

  it('have jobs of chosen ids in one place, which every node finds; the same id again is the same job', async () => {
    const ids = numbers(16).map((nth) => `chosen-by-a-client-${nth}`);
    const before = system.model.requests.length;
    for (const [nth, id] of ids.entries()) {
      const stream = await calls.run({ query: 'chosen' }, { 'x-request-id': id }, system.node(nth));
      const again = await calls.run({ query: 'chosen' }, { 'x-request-id': id }, system.node(nth + 1));
      expect([idOf(stream), facts(again)]).toEqual([id, facts(stream)]);
      expect(await calls.get(`/jobs/${id}`, system.node(nth + 1))).toMatchObject({ id, status: 'completed' });
    }
    const places = await Promise.all(ids.map((id) => sharded.placesOfJob(id)));
    expect(places.map(({ length }) => length)).toEqual(ids.map(() => 1));
    expect(new Set(places.flat())).toEqual(new Set(SHARDS));
    expect(system.model.requests).toHaveLength(before + ids.length);
  });

  it('know no id that neither has', async () => {
    for (const id of ['an-id-that-nobody-has-used', newRequestId(0), newRequestId(1), newRequestId(7), newRequestId()])
      expect([id, (await calls.send('GET', `/jobs/${id}`)).status]).toEqual([id, 404]);
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
    const running = await calls.create({ query: `cancelled ${shard}` }, inShard(shard), system.node(0));
    const request = await gate.request;
    await gate.say('so far');
    const answer = await calls.send('DELETE', `/jobs/${running}`, undefined, {}, system.node(1));
    expect([answer.status, await answer.json()]).toMatchObject([200, { id: running, status: 'cancelled' }]);
    expect((await request.ended).by).toBe('client');
    const waiting = await calls.create({ query: 'later', delayMs: 60_000 }, inShard(shard));
    expect((await calls.send('DELETE', `/jobs/${waiting}`)).status).toBe(200);
    expect((await calls.send('DELETE', `/jobs/${waiting}/data`)).status).toBe(204);
    expect([await sharded.placesOfJob(waiting), (await calls.send('GET', `/jobs/${waiting}`)).status]).toEqual([
      [],
      404,
    ]);
  });

  it('cancel all that run at once', async () => {
    const gates = SHARDS.flatMap((shard) => numbers(2).map((nth) => system.model.gated({ to: `all ${shard} ${nth}` })));
    const jobs = SHARDS.flatMap((shard) =>
      numbers(2).map((nth) => calls.create({ query: `all ${shard} ${nth}` }, inShard(shard))),
    );
    await Promise.all(jobs);
    await Promise.all(gates.map(({ request }) => request));
    expect(await (await calls.send('DELETE', '/jobs?status=active')).json()).toEqual({ cancelled: jobs.length });
    for (const { request } of gates) expect((await (await request).ended).by).toBe('client');
  });

  it('list together, newest first, each job once, whatever the pages', async () => {
    const made: string[] = [];
    for (const nth of numbers(20)) made.push(await calls.create({ query: 'listed' }, inShard(nth % 3 === 0 ? 0 : 1)));
    await Promise.all(made.map((id) => calls.ended(id)));
    for (const limit of [1, 7, 100]) {
      const items = await calls.listed('/jobs?status=completed&', limit);
      const ids = items.map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      expect(ids.filter((id) => made.includes(id))).toEqual(made.toReversed());
    }
  });

  it.each(SHARDS)('have a thread in shard %i whose turns are in both', async (shard) => {
    const threadId = await threadIn(shard);
    const jobs: string[] = [];
    for (const turn of numbers(6)) {
      const stream = await calls.run({ threadId, query: `turn ${turn}` }, inShard(turn % 2), system.node(turn));
      jobs.push(idOf(stream));
    }
    const whole = numbers(6).flatMap((turn) => [`user turn ${turn}`, `assistant ${ANSWER.join('')}`]);
    for (const at of [system.node(0), system.node(1)]) expect(await calls.conversation(threadId, at)).toEqual(whole);
    // the model was told all that was said
    expect(system.model.requests.at(-1)?.body.messages).toHaveLength(11);
    const { items } = await calls.get<ListPage>(`/jobs?threadId=${threadId}`);
    expect(items.map(({ id }) => id)).toEqual(jobs.toReversed());

    const { items: messages } = await calls.get<{ items: { messageId: string }[] }>(`/threads/${threadId}/messages`);
    const cut = { before: { messageId: messages[8]?.messageId } };
    const fork = (await (await calls.send('POST', `/threads/${threadId}/fork`, cut)).json()) as { id: string };
    await calls.run({ threadId: fork.id, query: 'asked otherwise' }, inShard(1 - shard));
    expect((await calls.send('DELETE', `/threads/${threadId}`)).status).toBe(204);
    expect((await calls.send('GET', `/threads/${threadId}`)).status).toBe(404);
    for (const id of jobs)
      expect([await sharded.placesOfJob(id), (await calls.send('GET', `/jobs/${id}`)).status]).toEqual([[], 404]);
    expect(await calls.get(`/jobs?threadId=${threadId}`)).toMatchObject({ items: [], nextCursor: null });
    expect(await calls.conversation(fork.id)).toEqual([
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
      const busy = await calls.send(
        'POST',
        '/jobs',
        { threadId, query: 'refused', onBusy: 'reject' },
        inShard(1 - jobsShard),
      );
      expect([busy.status, await busy.json()]).toMatchObject([409, { code: 'THREAD_BUSY' }]);
      const waiting = await calls.create({ threadId, query: 'second' }, inShard(1 - jobsShard));
      const third = await calls.create({ threadId, query: 'third', onBusy: 'interrupt' }, inShard(jobsShard));
      await first.collect();
      expect(first.terminal()).toMatchObject({ event: 'cancelled', data: { by: 'thread' } });
      expect(await Promise.all([waiting, third].map((id) => calls.ended(id)))).toEqual(['completed', 'completed']);
      await calls.idle(threadId);
      const said = `assistant ${ANSWER.join('')}`;
      expect(await calls.conversation(threadId)).toEqual([
        ...[`user ${prompt}`, 'assistant Half'],
        ...['user third', said, 'user second', said],
      ]);
    },
  );

  it('follow a thread from job to job, across them', async () => {
    const threadId = await threadIn(0);
    await calls.run({ threadId, query: 'before anybody follows' }, inShard(1));
    await using follower = await readSse(`${system.node(0)}/threads/${threadId}/stream`, {
      headers: { 'last-event-id': '0/0-0' },
    });
    const jobs = [];
    for (const turn of numbers(4))
      jobs.push(await calls.run({ threadId, query: `followed ${turn}` }, inShard(turn % 2), system.node(1)));
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
      expect((await calls.get<State>(`/threads/${threadId}/state`)).values).toMatchObject({
        note: `note ${nth}`,
        before,
      });
      const fork = (await (await calls.send('POST', `/threads/${threadId}/fork`)).json()) as { id: string };
      for (const [each, answer] of Object.entries({ [threadId]: 'yes', [fork.id]: 'no' })) {
        await tell({ threadId: each, resume: answer }, 1 - shard, system.node(nth + 1));
        expect((await calls.get<State>(`/threads/${each}/state`)).values).toMatchObject({
          note: `note ${nth}`,
          answer,
        });
      }
    }
    const places = await Promise.all(names.map((name) => sharded.placesOfThread(name)));
    expect(places.map(({ length }) => length)).toEqual(names.map(() => 1));
    expect(new Set(places.flat())).toEqual(new Set(SHARDS));
    const threads = (await calls.listed('/threads?', 3)).map(({ id }) => id);
    expect(new Set(threads).size).toBe(threads.length);
    expect(threads.filter((id) => names.includes(id))).toEqual(names.toReversed());
  });

  it('know an idempotency key on every node', async () => {
    const before = system.model.requests.length;
    for (const nth of numbers(12)) {
      const headers = { 'idempotency-key': `key ${nth}` };
      const first = await calls.run({ query: 'once' }, headers, system.node(nth));
      const again = await calls.run({ query: 'once' }, headers, system.node(nth + 1));
      expect([idOf(again), facts(again)]).toEqual([idOf(first), facts(first)]);
      const other = await calls.send('POST', '/jobs', { query: 'something else' }, headers);
      expect([other.status, await other.json()]).toMatchObject([422, { code: 'IDEMPOTENCY_MISMATCH' }]);
    }
    expect(system.model.requests).toHaveLength(before + 12);
  });

  it('tell the ends of their jobs to webhooks, once', async () => {
    const ids: string[] = [];
    for (const nth of numbers(6))
      ids.push(await calls.create({ query: 'told', webhook: `${receiver.url}/told-${nth}` }, inShard(nth % 2)));
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
      SHARDS.map((shard) => calls.create({ query: 'delayed', delayMs: 1_000 }, inShard(shard))),
    );
    for (const id of delayed) expect(await calls.ended(id)).toBe('completed');
    expect((await calls.send('POST', '/queue/pause')).status).toBe(204);
    const before = system.model.requests.length;
    const held = await Promise.all(SHARDS.map((shard) => calls.create({ query: 'held' }, inShard(shard))));
    const [first] = held;
    // long enough for a job that nobody holds
    await using stream = await system.watch(first ?? '');
    await expect(
      Promise.race([
        calls.ended(first ?? '').then(() => 'run'),
        new Promise((hold) => setTimeout(hold, 1_500, 'held')),
      ]),
    ).resolves.toBe('held');
    expect(system.model.requests).toHaveLength(before);
    expect((await calls.send('POST', '/queue/resume')).status).toBe(204);
    for (const id of held) expect(await calls.ended(id)).toBe('completed');
    await stream.collect();
  });

  it('have a backup restored by itself (docs/operations.md)', async () => {
    const ids = await Promise.all(
      SHARDS.map((shard) => calls.create({ query: 'restored', delayMs: 60_000 }, inShard(shard))),
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
    for (const id of ids) expect((await calls.send('DELETE', `/jobs/${id}`)).status).toBe(200);
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
    for (const id of ids) expect(await calls.get(`/jobs/${id}`)).toMatchObject({ status: 'completed' });
  });

  it('are one service to operators: figures are sums, and a worker is one worker', async () => {
    const gates = SHARDS.flatMap((shard) =>
      numbers(3).map((nth) => system.model.gated({ to: `seen ${shard} ${nth}` })),
    );
    const ids = await Promise.all(
      SHARDS.flatMap((shard) =>
        numbers(3).map((nth) => calls.create({ query: `seen ${shard} ${nth}` }, inShard(shard))),
      ),
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
    const { items: workers } = await calls.get<{ items: { id: string; slots: number }[] }>('/workers');
    expect(workers.map(({ slots }) => slots)).toEqual([50, 50]);
    const { items: found } = await calls.get<{ items: { id: string }[] }>(`/console/jobs?id=${ids[0]}`);
    expect(found.map(({ id }) => id)).toEqual([ids[0]]);
    const { items: active } = await calls.get<{ items: { id: string }[] }>('/console/jobs?status=active');
    expect(new Set(active.map(({ id }) => id))).toEqual(new Set(ids));
    const metrics = await (await fetch(`${system.node(1)}/metrics`)).text();
    expect(metrics).toMatch(new RegExp(`^millrace_open_jobs\\{.*state="active".*\\} ${ids.length}$`, 'm'));
    expect(metrics.match(/^millrace_shard_up\{.*\} 1$/gm)).toHaveLength(2);
    expect(metrics).toMatch(/^millrace_processes\{.*kind="worker".*\} 2$/m);
    await Promise.all(gates.map((gate) => gate.finish()));
    for (const id of ids) expect(await calls.ended(id)).toBe('completed');
  });
});
