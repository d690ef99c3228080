import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SystemHarness } from './system-harness.ts';

let system: SystemHarness;
beforeAll(async () => {
  const graphs = fileURLToPath(new URL('rude-agents/langgraph.json', import.meta.url));
  system = await SystemHarness.start({ processes: 1, env: { MILLRACE_GRAPHS: graphs } });
});
afterAll(() => system[Symbol.asyncDispose]());

describe('an agent that', () => {
  it.each([
    ['rejects a promise that nobody awaits', 'done'],
    ['rejects one with a circle', 'done'],
    ['prints 100 MB in lines', 'done'],
    ['prints 100 MB at once', 'done'],
    ['throws undefined', 'AGENT_ERROR'],
    ['throws a text', 'AGENT_ERROR'],
    ['throws a circle', 'AGENT_ERROR'],
    ['asks with a circle', 'AGENT_ERROR'],
  ])('%s ends its own job alone (%s), and the worker goes on with others', async (way, end) => {
    const gate = system.model.gated({ to: way });
    await using other = await system.askUntilText(way, gate, 'before ');
    await using stream = await system.ask({ pipeline: 'rude', query: way, threadId: way.replaceAll(' ', '-') });
    await stream.collect();
    const { event, data } = stream.terminal() ?? {};
    expect(event === 'error' ? data?.code : event).toBe(end);
    await gate.say('after');
    await gate.finish();
    await other.collect();
    expect(other.text()).toBe('before after');
    expect(other.events.map((each) => each.event)).not.toContain('reset');
    expect(system.workers[0]?.child.running).toBe(true);
  });
});
