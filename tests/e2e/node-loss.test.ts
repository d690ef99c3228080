import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { facts, idOf, SystemHarness } from './system-harness.ts';

let system: SystemHarness;
beforeEach(async () => {
  system = await SystemHarness.start();
});
afterEach(() => system[Symbol.asyncDispose]());

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
      // through nginx, which finds the remaining node
      await using rest = await system.watch(idOf(stream), { after: stream.events.at(-1)?.id ?? '' });
      await rest.collect();
      await using whole = await system.watch(idOf(stream));
      await whole.collect();
      expect([...facts(stream), ...facts(rest)]).toEqual(facts(whole));
      expect(whole.text()).toBe('before after');
    }
  });

  it('SIGTERM: it sends the retry hint, ends its streams without a terminal event, and exits cleanly', async () => {
    const gate = system.model.gated({ to: 'drain' });
    await using stream = await system.askUntilText('drain', gate, 'before ', { at: system.node(0) });
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
  });
});
