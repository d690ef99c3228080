import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BOMBS } from './json-bombs/bombs.ts';
import { SystemHarness } from './system-harness.ts';

let system: SystemHarness;
beforeAll(async () => {
  system = await SystemHarness.start({
    processes: 1,
    env: { MILLRACE_GRAPHS: 'tests/e2e/mailing-agent/langgraph.json' },
  });
}, 90_000);
afterAll(() => system?.[Symbol.asyncDispose](), 60_000);

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
