import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, newKeyPrefix, readSse, type SpawnedService, spawnService } from '@millrace/testing';
import { idOf, SystemHarness } from './system-harness.ts';

let system: SystemHarness;
beforeAll(async () => {
  const graphs = fileURLToPath(new URL('held-agents/langgraph.json', import.meta.url));
  system = await SystemHarness.start({ env: { MILLRACE_GRAPHS: graphs } });
});
afterAll(() => system[Symbol.asyncDispose]());

/** From the DELETE's answer to the end of the model's connection, milliseconds. */
const ABORT_WITHIN_MS = 1_000;

describe('cancel (PROTOCOL §6)', () => {
  it('before the first token', async () => {
    const gate = system.model.gated({ to: 'before' });
    await using stream = await system.ask('before');
    const request = await gate.request;
    const answer = await system.cancel(idOf(stream));
    const answeredAt = performance.now();
    expect([answer.status, await answer.json()]).toMatchObject([200, { id: idOf(stream), status: 'cancelled' }]);
    await stream.collect();
    expect(stream.terminal()).toMatchObject({ event: 'cancelled', data: { by: expect.stringMatching(/owner|admin/) } });
    const ended = await request.ended;
    expect(ended.by).toBe('client');
    expect(ended.at - answeredAt).toBeLessThan(ABORT_WITHIN_MS);
  });

  it('mid-stream: the model server sees its connection closed, and what it still sends reaches nobody', async () => {
    const gate = system.model.gated({ to: 'mid-stream' });
    await using stream = await system.ask('mid-stream');
    await gate.say('heard');
    await stream.until(({ event }) => event === 'message');
    const [answer] = await Promise.all([system.cancel(idOf(stream)), gate.say(' unheard'), gate.say(' unheard')]);
    expect(answer.status).toBe(200);
    const lastEventId = ((await answer.json()) as { lastEventId: string }).lastEventId;
    expect((await (await gate.request).ended).by).toBe('client');
    expect(await gate.say(' too late')).toBe(false);
    await stream.collect();
    await using replay = await system.watch(idOf(stream));
    await replay.collect();
    expect(replay.terminal()).toMatchObject({ id: lastEventId, event: 'cancelled' });
    expect(replay.events.filter(({ event }) => event === 'cancelled')).toHaveLength(1);
    expect(await system.job(idOf(stream))).toMatchObject({ status: 'cancelled', lastEventId });
  });

  it.each([
    ['model call', 'held-in-model'],
    ['tool', 'held-in-tool'],
  ])('of an agent: the signal of its %s aborts', async (_place, pipeline) => {
    const gate = system.model.gated({ to: pipeline });
    await using stream = await system.ask({ query: pipeline, pipeline });
    const request = await gate.request;
    expect((await system.cancel(idOf(stream))).status).toBe(200);
    expect((await request.ended).by).toBe('client');
    await stream.collect();
    expect(stream.terminal()?.event).toBe('cancelled');
  });

  it('twice: the same answer; after the end: 409; unknown: 404', async () => {
    const gate = system.model.gated({ to: 'twice' });
    await using stream = await system.ask('twice');
    await gate.request;
    const first = await system.cancel(idOf(stream));
    const second = await system.cancel(idOf(stream));
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(await second.json()).toEqual(await first.json());

    system.model.answer(['quick'], { to: 'finished' });
    await using finished = await system.ask('finished');
    await finished.collect();
    const late = await system.cancel(idOf(finished));
    expect([late.status, await late.json()]).toMatchObject([409, { code: 'JOB_FINISHED' }]);

    const unknown = await system.cancel('no-such-job-anywhere');
    expect([unknown.status, await unknown.json()]).toMatchObject([404, { code: 'JOB_NOT_FOUND' }]);
  });

  it('while queued: the job never runs, and a worker that starts later leaves it alone', async () => {
    const env = { ...system.env, MILLRACE_KEY_PREFIX: newKeyPrefix() };
    await using api = await spawnService('api', env);
    await using stream = await readSse(`${api.url}/jobs`, { body: { query: 'queued' } });
    await stream.until(({ event }) => event === 'accepted');
    const url = `${api.url}/jobs/${idOf(stream)}`;
    expect(await (await fetch(url)).json()).toMatchObject({ status: 'queued', queuePosition: 1 });
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(200);
    await stream.collect();
    expect(stream.events.map(({ event }) => event)).toEqual(['accepted', 'cancelled']);

    const asked = system.model.requests.length;
    await using _worker = await spawnService('worker', env);
    system.model.answer(['next'], { to: 'after it' });
    await using next = await readSse(`${api.url}/jobs`, { body: { query: 'after it' } });
    await next.collect();
    expect(next.text()).toBe('next');
    expect(system.model.requests.slice(asked).map(({ prompt }) => prompt)).toEqual(['after it']);
  });
});

describe('with API keys', () => {
  let api: SpawnedService;
  const as = (secret: string) => ({ authorization: `Bearer ${secret}` });
  beforeAll(async () => {
    const keys = 'alpha:user:the-secret-of-alpha,beta:user:the-secret-of-beta,ops:admin:the-secret-of-ops';
    api = await spawnService('api', { ...system.env, MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: keys });
  });
  afterAll(() => api[Symbol.asyncDispose]());

  it('another tenant cannot cancel, get or watch it (404); an admin cancels it', async () => {
    const gate = system.model.gated({ to: 'mine' });
    await using stream = await readSse(`${api.url}/jobs`, {
      body: { query: 'mine' },
      headers: as('the-secret-of-alpha'),
    });
    await gate.say('private');
    await stream.until(({ event }) => event === 'message');
    const url = `${api.url}/jobs/${idOf(stream)}`;
    for (const [method, path] of [
      ['DELETE', ''],
      ['GET', ''],
      ['GET', '/stream'],
    ] as const) {
      const answer = await fetch(`${url}${path}`, { method, headers: as('the-secret-of-beta') });
      expect([answer.status, await answer.json()]).toMatchObject([404, { code: 'JOB_NOT_FOUND' }]);
    }
    expect(await (await fetch(`${api.url}/jobs`, { headers: as('the-secret-of-beta') })).json()).toMatchObject({
      items: [],
    });
    // the id is free for another tenant, whose job has its own answer
    system.model.answer(['for beta'], { to: 'theirs' });
    await using theirs = await readSse(`${api.url}/jobs`, {
      body: { query: 'theirs' },
      headers: { ...as('the-secret-of-beta'), 'x-request-id': idOf(stream) },
    });
    await theirs.collect();
    expect([idOf(theirs), theirs.text()]).toEqual([idOf(stream), 'for beta']);

    const admin = { method: 'DELETE', headers: as('the-secret-of-ops') };
    expect((await fetch(url, admin)).status).toBe(409);
    expect((await fetch(`${url}?tenant=alpha`, admin)).status).toBe(200);
    await stream.collect();
    expect(stream.terminal()).toMatchObject({ event: 'cancelled', data: { by: 'admin' } });
  });

  it('nobody gets in without a key, and the keys are not in the log', async () => {
    const answer = await fetch(`${api.url}/jobs`);
    expect([answer.status, await answer.json()]).toMatchObject([401, { code: 'UNAUTHENTICATED' }]);
    expect(
      (await fetch(`${api.url}/jobs?status=queued`, { method: 'DELETE', headers: as('the-secret-of-alpha') })).status,
    ).toBe(403);
    expect(api.child.lines.join('\n')).not.toMatch(/secret/);
  });
});

describe('onDisconnect: cancel', () => {
  it('ends the job when the creating connection is lost, unless somebody watches', async () => {
    const env = { ...system.env, MILLRACE_KEY_PREFIX: newKeyPrefix(), MILLRACE_DISCONNECT_GRACE_MS: '1500' };
    await using api = await spawnService('api', env);
    await using other = await spawnService('api', env);
    await using _worker = await spawnService('worker', env);
    const statusOf = async (id: string) => (await system.job(id, other.url))['status'];
    const gates = ['left alone', 'watched'].map((to) => system.model.gated({ to }));
    const [alone, watched] = await Promise.all(
      ['left alone', 'watched'].map((query) => readSse(`${api.url}/jobs`, { body: { query, onDisconnect: 'cancel' } })),
    );
    if (alone === undefined || watched === undefined) throw new Error('two streams were opened');
    await Promise.all(gates.map((gate) => gate.say('hi')));
    await using elsewhere = await system.watch(idOf(watched), { at: other.url });
    await elsewhere.until(({ event }) => event === 'message');
    await Promise.all([alone.close(), watched.close()]);

    await eventually(async () => (await statusOf(idOf(alone))) === 'cancelled');
    await using replay = await system.watch(idOf(alone), { at: other.url });
    await replay.collect();
    expect(replay.terminal()).toMatchObject({ event: 'cancelled', data: { by: 'disconnect' } });

    expect(await statusOf(idOf(watched))).toBe('active');
    await gates[1]?.finish();
    await elsewhere.collect();
    expect(elsewhere.terminal()?.event).toBe('done');
  });
});
