import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, type SpawnedService, spawnService } from '@millrace/testing';
import { Redis } from 'ioredis';
import { facts, idOf, System } from './system.ts';

let system: System;
beforeEach(async () => {
  system = await System.start();
}, 60_000);
afterEach(() => system[Symbol.asyncDispose](), 30_000);

const TOKENS = Array.from({ length: 60 }, (_, i) => `t${i} `);
const WHOLE = TOKENS.join('');

/** The worker that has taken the job. */
async function runnerOf(id: string): Promise<SpawnedService> {
  const took = (worker: SpawnedService) => worker.log.some((line) => line['requestId'] === id);
  await eventually(() => system.workers.some(took));
  const runner = system.workers.find(took);
  if (runner === undefined) throw new Error('no worker has logged the job');
  return runner;
}

describe('a worker dies', () => {
  it('SIGKILL mid-stream: another takes over, says reset, and gives one whole answer', async () => {
    const gate = system.model.gated({ to: 'crash' });
    await using stream = await system.ask('crash');
    await gate.say('half an ans');
    await stream.until(({ event }) => event === 'message');
    system.model.answer(TOKENS, { to: 'crash' });
    const killedAt = performance.now();
    await (await runnerOf(idOf(stream))).kill();
    await stream.collect();
    const reset = stream.events.find(({ event }) => event === 'reset');
    expect(reset).toMatchObject({ data: { attempt: 2, reason: 'worker-lost' } });
    expect((reset?.at ?? Number.POSITIVE_INFINITY) - killedAt).toBeLessThan(15_000);
    expect(stream.text()).toBe(WHOLE);
    expect(stream.events.filter(({ event }) => ['done', 'error', 'cancelled'].includes(event))).toHaveLength(1);
  }, 40_000);

  it('SIGKILL with onCrash: fail: the job ends with WORKER_LOST', async () => {
    const gate = system.model.gated({ to: 'fail' });
    await using stream = await system.ask({ query: 'fail', onCrash: 'fail' });
    await gate.say('half');
    await stream.until(({ event }) => event === 'message');
    await (await runnerOf(idOf(stream))).kill();
    await stream.collect();
    expect(stream.terminal()).toMatchObject({ event: 'error', data: { code: 'WORKER_LOST' } });
  }, 40_000);

  it('SIGSTOP until its job is taken over, then SIGCONT: its late tokens reach nobody', async () => {
    const gate = system.model.gated({ to: 'stop' });
    await using stream = await system.ask('stop');
    await gate.say('first');
    await stream.until(({ event }) => event === 'message');
    const heir = system.model.gated({ to: 'stop' });
    const zombie = await runnerOf(idOf(stream));
    zombie.pause();
    await stream.until(({ event }) => event === 'reset');
    await heir.say('second');
    // written to a socket whose reader is frozen: the zombie finds it when it wakes
    await gate.say(' late');
    await gate.finish();
    zombie.resume();
    await (await gate.request).ended;
    await heir.say(' and whole');
    await heir.finish();
    await stream.collect();
    expect(stream.text()).toBe('second and whole');
    await using log = await system.watch(idOf(stream));
    await log.collect();
    const ofTheFirst = log.events.filter(({ id }) => id?.startsWith('1-'));
    expect(ofTheFirst.map(({ event, data }) => `${event} ${data.text ?? ''}`)).toEqual(['started ', 'message first']);
    expect(await system.job(idOf(stream))).toMatchObject({ status: 'completed', attempt: 2 });
  }, 40_000);

  it('SIGTERM: it hands the job over at once when the grace time is up', async () => {
    const impatient = { ...system.env, MILLRACE_WORKER_GRACE_MS: '200' };
    await Promise.all(system.workers.map((worker) => worker.stop()));
    const first = await spawnService('worker', impatient);
    system.workers.push(first);
    const gate = system.model.gated({ to: 'deploy' });
    await using stream = await system.ask('deploy');
    await gate.say('half');
    await stream.until(({ event }) => event === 'message');
    system.workers.push(await spawnService('worker', impatient));
    system.model.answer(TOKENS, { to: 'deploy' });
    const exit = await first.stop();
    expect(exit).toMatchObject({ code: 0 });
    await stream.collect();
    expect(stream.events.find(({ event }) => event === 'reset')?.data).toEqual({ attempt: 2, reason: 'handover' });
    expect(stream.text()).toBe(WHOLE);
  }, 40_000);
});

describe('an API node dies', () => {
  it('SIGKILL with streams on it: all resume on the other node, no gap, no repeat', async () => {
    const gates = Array.from({ length: 10 }, (_, i) => system.model.gated({ to: `node ${i}` }));
    const streams = await Promise.all(gates.map((_, i) => system.ask(`node ${i}`, { at: system.node(0) })));
    await Promise.all(gates.map((gate) => gate.say('before ')));
    await Promise.all(streams.map((stream) => stream.until(({ event }) => event === 'message')));
    await system.apis[0]?.kill();
    await Promise.all(gates.map((gate) => gate.say('after')));
    await Promise.all(gates.map((gate) => gate.finish()));
    for (const stream of streams) {
      expect(await stream.ended).toBe('broken');
      // through nginx, which finds the node that is left
      await using rest = await system.watch(idOf(stream), { after: stream.events.at(-1)?.id ?? '' });
      await rest.collect();
      await using whole = await system.watch(idOf(stream));
      await whole.collect();
      expect([...facts(stream), ...facts(rest)]).toEqual(facts(whole));
      expect(whole.text()).toBe('before after');
    }
  }, 40_000);

  it('SIGTERM: it says when to come back, ends its streams without a terminal event, and exits cleanly', async () => {
    const gate = system.model.gated({ to: 'drain' });
    await using stream = await system.ask('drain', { at: system.node(0) });
    await gate.say('before ');
    await stream.until(({ event }) => event === 'message');
    const exit = await system.apis[0]?.stop();
    expect(exit).toMatchObject({ code: 0 });
    expect(await stream.ended).toBe('clean');
    expect(stream.terminal()).toBeUndefined();
    expect(stream.retryHints).toHaveLength(2);
    await using rest = await system.watch(idOf(stream), { after: stream.events.at(-1)?.id ?? '' });
    await gate.say('after');
    await gate.finish();
    await rest.collect();
    expect(stream.text() + rest.text()).toBe('before after');
  }, 40_000);
});

describe('Redis', () => {
  it('has its pub/sub connections killed, again and again: no watcher misses or repeats anything', async () => {
    const gate = system.model.gated({ to: 'kill' });
    await using created = await system.ask('kill');
    const watchers = await Promise.all([0, 1].map((i) => system.watch(idOf(created), { at: system.node(i) })));
    const admin = new Redis(system.redis.url);
    for (const [i, token] of TOKENS.entries()) {
      await gate.say(token);
      if (i % 5 === 0) await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    }
    admin.disconnect();
    await gate.finish();
    await created.collect();
    expect(created.text()).toBe(WHOLE);
    await using whole = await system.watch(idOf(created));
    await whole.collect();
    for (const stream of [created, ...watchers]) {
      await stream.collect();
      expect(facts(stream)).toEqual(facts(whole));
    }
  }, 40_000);

  it('is away: new requests get 503 with Retry-After within 2 s, running streams go on when it is back', async () => {
    const gate = system.model.gated({ to: 'outage' });
    await using stream = await system.ask('outage');
    await gate.say('before ');
    await stream.until(({ event }) => event === 'message');
    await system.redis.shutDown();
    await gate.say('meanwhile ');
    const askedAt = performance.now();
    const refused = await fetch(`${system.url}/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"query":"no"}',
    });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, expect.any(String)]);
    expect(await refused.json()).toMatchObject({ code: 'UNAVAILABLE' });
    expect(performance.now() - askedAt).toBeLessThan(2_000);
    await system.redis.start();
    await gate.say('after');
    await gate.finish();
    await stream.collect();
    expect(stream.text()).toBe('before meanwhile after');
    expect(stream.events.filter(({ event }) => event === 'started')).toHaveLength(1);

    system.model.answer(['works'], { to: 'new' });
    await eventually(async () => (await fetch(`${system.url}/readyz`)).ok);
    await using next = await system.ask('new');
    await next.collect();
    expect(next.text()).toBe('works');
  }, 40_000);
});
