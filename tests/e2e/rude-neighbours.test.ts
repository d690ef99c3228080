import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { eventually, spawnService, startRedis } from '@millrace/testing';
import { idOf, SystemHarness } from './system-harness.ts';

const ENV = {
  MILLRACE_GRAPHS: fileURLToPath(new URL('rude-agents/langgraph.json', import.meta.url)),
  MILLRACE_MAX_ATTEMPTS: '4',
  // a death is noticed soon
  MILLRACE_WORKER_LOCK_MS: '4000',
  MILLRACE_WORKER_STALL_CHECK_MS: '1000',
  MILLRACE_WORKER_GRACE_MS: '500',
  // the innocents' model is silent until the guilty agent has ended
  MILLRACE_TOKEN_GAP_TIMEOUT_MS: '300000',
  // an agent that fills it is done soon
  NODE_OPTIONS: '--max-old-space-size=256',
};

const INNOCENTS = 6;

/** Starts a new worker whenever one has ended, as every deployment does. */
function supervise(system: SystemHarness): Disposable {
  let isOver = false;
  const watch = async (place: number): Promise<void> => {
    await system.workers[place]?.child.exited;
    if (isOver) return;
    const successor = await spawnService('worker', system.envOf('worker'));
    system.workers[place] = successor;
    await watch(place);
  };
  for (const place of system.workers.keys()) void watch(place);
  return {
    [Symbol.dispose]: () => {
      isOver = true;
    },
  };
}

/** The sum of a metric over the workers of a system. */
async function sumOf(system: SystemHarness, name: string): Promise<number> {
  const pages = await Promise.all(system.workers.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()));
  const lines = pages.flatMap((page) => page.split('\n')).filter((line) => line.startsWith(name));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

it('counts the events of a job that runs alone among those of its worker', async () => {
  await using system = await SystemHarness.start({ env: ENV });
  using _supervised = supervise(system);
  await using stream = await system.ask({ pipeline: 'rude', query: 'ends the process twice' });
  await stream.collect();
  expect([stream.terminal()?.event, stream.text()]).toEqual(['done', 'goes on']);
  const { attempt } = await system.job(idOf(stream));
  expect(attempt).toBe(3);
  await eventually(async () => (await sumOf(system, 'millrace_worker_events_total{type="text"')) === 1);
  expect(await sumOf(system, 'millrace_worker_events_total{type="message_end"')).toBe(1);
  expect(await sumOf(system, 'millrace_worker_first_token_seconds_count')).toBe(1);
});

it('runs a job alone whichever shard it is in, and its thread', async () => {
  await using home = await startRedis();
  await using other = await startRedis();
  const env = { ...ENV, REDIS_URLS: `${home.url} ${other.url}` };
  await using system = await SystemHarness.start({ env, redis: home });
  using _supervised = supervise(system);
  const shards = new Set<string>();
  // a new job is in either of them
  for (let nth = 0; nth < 12 && shards.size < 2; nth += 1) {
    await using stream = await system.ask({ pipeline: 'rude', query: 'ends the process twice', threadId: `t${nth}` });
    await stream.collect();
    expect([stream.terminal()?.event, stream.text()]).toEqual(['done', 'goes on']);
    expect(await system.job(idOf(stream))).toMatchObject({ attempt: 3 });
    shards.add(idOf(stream).slice(-3));
  }
  expect(shards).toEqual(new Set(['-s0', '-s1']));
}, 240_000);

describe('six answers beside an agent that', () => {
  it.each([
    ['ends the process', 'WORKER_LOST'],
    ['blocks the event loop', 'WORKER_LOST'],
    ['fills the memory', 'WORKER_LOST'],
    ['throws on behalf of nobody', 'WORKER_LOST'],
    ['throws in a timer', 'AGENT_ERROR'],
    ['rejects a promise that nobody awaits', 'done'],
  ])(
    '%s are given whole; it ends alone (%s)',
    async (way, end) => {
      await using system = await SystemHarness.start({ env: ENV });
      using _supervised = supervise(system);
      const guiltyEnded = Promise.withResolvers<void>();
      const texts = Array.from({ length: INNOCENTS }, (_, place) => `of ${place}: `);
      for (const text of texts) {
        system.model.answer(
          async function* () {
            yield text;
            await guiltyEnded.promise;
            yield 'whole';
          },
          { to: text },
        );
      }
      const innocents = await Promise.all(texts.map((text) => system.ask(text)));
      await Promise.all(innocents.map((stream) => stream.until(({ event }) => event === 'message')));
      await using guilty = await system.ask({ pipeline: 'rude', query: way });
      await guilty.collect();
      const { event, data } = guilty.terminal() ?? {};
      expect(event === 'error' ? data?.code : event).toBe(end);
      guiltyEnded.resolve();
      for (const [place, stream] of innocents.entries()) {
        await stream.collect();
        const { event, data } = stream.terminal() ?? {};
        expect([event, data?.code]).toEqual(['done', undefined]);
        expect(stream.text()).toBe(`${texts[place]}whole`);
        const { attempt } = await system.job(idOf(stream));
        if (end !== 'WORKER_LOST') expect(attempt).toBe(1);
      }
    },
    300_000,
  );
});
