import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { canary, eventually } from '@millrace/testing';
import { Redis } from 'ioredis';
import { facts, idOf, SystemHarness } from './system-harness.ts';

let system: SystemHarness;
beforeEach(async () => {
  system = await SystemHarness.start();
});
afterEach(() => system[Symbol.asyncDispose]());

const TOKENS = Array.from({ length: 60 }, (_, i) => `t${i} `);
const WHOLE = TOKENS.join('');

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
  });

  it('is away: new requests get 503 with Retry-After within 2 s, running streams go on when it is back', async () => {
    const gate = system.model.gated({ to: 'outage' });
    await using stream = await system.askUntilText('outage', gate, 'before ');
    await system.redis.shutDown();
    await gate.say('meanwhile ');
    const askedAt = performance.now();
    const refused = await fetch(`${system.url}/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: canary('a prompt that comes while Redis is away') }),
    });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, expect.any(String)]);
    expect(await refused.json()).toMatchObject({ code: 'UNAVAILABLE' });
    expect(performance.now() - askedAt).toBeLessThan(6_000);
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
  });
});
