import { describe, expect, it } from '@jest/globals';
import { isTerminal } from '@millrace/contracts';
import { idOf, SystemHarness } from './system-harness.ts';

const TOKENS = Array.from({ length: 60 }, (_, i) => `t${i} `);
const WHOLE = TOKENS.join('');

/** Noticed in half the time; the first test has the times as they are shipped. */
const SOON = { MILLRACE_WORKER_LOCK_MS: '5000', MILLRACE_WORKER_STALL_CHECK_MS: '1000' };

describe('a worker dies', () => {
  it('SIGKILL mid-stream: another takes over, says reset, and gives one whole answer', async () => {
    await using system = await SystemHarness.start();
    const gate = system.model.gated({ to: 'crash' });
    await using stream = await system.askUntilText('crash', gate, 'half an ans');
    system.model.answer(TOKENS, { to: 'crash' });
    const killedAt = performance.now();
    await (await system.runnerOf(idOf(stream))).kill();
    await stream.collect();
    const reset = stream.events.find(({ event }) => event === 'reset');
    expect(reset).toMatchObject({ data: { attempt: 2, reason: 'worker-lost' } });
    expect((reset?.at ?? Number.POSITIVE_INFINITY) - killedAt).toBeLessThan(40_000);
    expect(stream.text()).toBe(WHOLE);
    expect(stream.events.filter(({ event }) => isTerminal(event))).toHaveLength(1);
  });

  it('SIGKILL with onCrash: fail: the job ends with WORKER_LOST', async () => {
    await using system = await SystemHarness.start({ env: SOON });
    const gate = system.model.gated({ to: 'fail' });
    await using stream = await system.askUntilText({ query: 'fail', onCrash: 'fail' }, gate, 'half');
    await (await system.runnerOf(idOf(stream))).kill();
    await stream.collect();
    expect(stream.terminal()).toMatchObject({ event: 'error', data: { code: 'WORKER_LOST' } });
  });

  it('SIGSTOP until its job is taken over, then SIGCONT: its late tokens reach nobody', async () => {
    await using system = await SystemHarness.start({ env: SOON });
    const gate = system.model.gated({ to: 'stop' });
    await using stream = await system.askUntilText('stop', gate, 'first');
    const heir = system.model.gated({ to: 'stop' });
    const zombie = await system.runnerOf(idOf(stream));
    zombie.pause();
    await stream.until(({ event }) => event === 'reset');
    await heir.say('second');
    // written to a socket whose reader is frozen: the zombie finds it when it resumes
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
    await using system = await SystemHarness.start({ env: { MILLRACE_WORKER_GRACE_MS: '200' } });
    const gate = system.model.gated({ to: 'deploy' });
    await using stream = await system.askUntilText('deploy', gate, 'half');
    system.model.answer(TOKENS, { to: 'deploy' });
    const exit = await (await system.runnerOf(idOf(stream))).stop();
    expect(exit).toMatchObject({ code: 0 });
    await stream.collect();
    expect(stream.events.find(({ event }) => event === 'reset')?.data).toEqual({ attempt: 2, reason: 'handover' });
    expect(stream.text()).toBe(WHOLE);
  });
});
