import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawnService } from '@millrace/testing';
import { idOf, System } from './system.ts';

let system: System;
beforeEach(async () => {
  system = await System.start();
});
afterEach(() => system[Symbol.asyncDispose]());

const TOKENS = Array.from({ length: 60 }, (_, i) => `t${i} `);
const WHOLE = TOKENS.join('');

describe('a worker dies', () => {
  it('SIGKILL mid-stream: another takes over, says reset, and gives one whole answer', async () => {
    const gate = system.model.gated({ to: 'crash' });
    await using stream = await system.ask('crash');
    await gate.say('half an ans');
    await stream.until(({ event }) => event === 'message');
    system.model.answer(TOKENS, { to: 'crash' });
    const killedAt = performance.now();
    await (await system.runnerOf(idOf(stream))).kill();
    await stream.collect();
    const reset = stream.events.find(({ event }) => event === 'reset');
    expect(reset).toMatchObject({ data: { attempt: 2, reason: 'worker-lost' } });
    expect((reset?.at ?? Number.POSITIVE_INFINITY) - killedAt).toBeLessThan(15_000);
    expect(stream.text()).toBe(WHOLE);
    expect(stream.events.filter(({ event }) => ['done', 'error', 'cancelled'].includes(event))).toHaveLength(1);
  });

  it('SIGKILL with onCrash: fail: the job ends with WORKER_LOST', async () => {
    const gate = system.model.gated({ to: 'fail' });
    await using stream = await system.ask({ query: 'fail', onCrash: 'fail' });
    await gate.say('half');
    await stream.until(({ event }) => event === 'message');
    await (await system.runnerOf(idOf(stream))).kill();
    await stream.collect();
    expect(stream.terminal()).toMatchObject({ event: 'error', data: { code: 'WORKER_LOST' } });
  });

  it('SIGSTOP until its job is taken over, then SIGCONT: its late tokens reach nobody', async () => {
    const gate = system.model.gated({ to: 'stop' });
    await using stream = await system.ask('stop');
    await gate.say('first');
    await stream.until(({ event }) => event === 'message');
    const heir = system.model.gated({ to: 'stop' });
    const zombie = await system.runnerOf(idOf(stream));
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
  });

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
  });
});
