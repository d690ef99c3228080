import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ARGUMENTS, BOMBS } from './json-bombs/bombs.ts';
import { SystemHarness } from './system-harness.ts';

let system: SystemHarness;
beforeAll(async () => {
  system = await SystemHarness.start({
    processes: 1,
    env: { MILLRACE_GRAPHS: 'tests/e2e/looking-agent/langgraph.json' },
  });
});
afterAll(() => system?.[Symbol.asyncDispose]());

/** How a job ended: its terminal event, or the code of its error. */
type End = string | undefined;

/** Runs what may harm the worker, beside another job that must notice nothing. */
async function besideAnother(what: string, run: () => Promise<End>): Promise<End> {
  const worker = system.workers[0];
  const gate = system.model.gated({ to: `beside ${what}` });
  await using other = await system.askUntilText(`beside ${what}`, gate, 'before ');
  const running = run();
  await gate.say('meanwhile ');
  await other.until(({ data }) => String(data.text).includes('meanwhile'));
  const end = await running;
  await gate.say('after');
  await gate.finish();
  await other.collect();
  expect(other.text()).toBe('before meanwhile after');
  expect(other.events.map(({ event }) => event)).not.toContain('reset');
  expect(worker?.child.running).toBe(true);
  return end;
}

async function endOf(body: object): Promise<End> {
  await using stream = await system.ask(body);
  await stream.collect();
  const { event, data } = stream.terminal() ?? {};
  return event === 'error' ? String(data?.code) : event;
}

describe('what a model server answers', () => {
  it.each(BOMBS.map((bomb) => [bomb.what, bomb] as const))(
    'ends its own job alone: %s',
    async (what, { steps, ends }) => {
      system.model.answer(steps, { to: what });
      const body = { query: what, tools: [{ name: 'look', parameters: { type: 'object' } }] };
      expect(ends).toContain(await besideAnother(what, () => endOf(body)));
    },
  );
});

describe('the arguments that a model gives a tool of an agent', () => {
  it.each(ARGUMENTS)('end their own job alone: %s', async (what, args) => {
    const to = `arguments: ${what}`;
    system.model.answer(
      ({ body }) => {
        const said = (body.messages ?? body.input) as { role?: string; type?: string }[];
        const isAnswered = said.some(({ role, type }) => role === 'tool' || type === 'function_call_output');
        return isAnswered ? ['So.'] : [{ toolCall: { id: 'c', name: 'look', arguments: args } }];
      },
      { to },
    );
    const end = await besideAnother(to, () => endOf({ pipeline: 'looking', query: to }));
    expect(['done', 'AGENT_ERROR', 'MODEL_ERROR', 'RECURSION_LIMIT']).toContain(end);
  });
});
