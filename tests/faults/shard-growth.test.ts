import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';
import { shardNamedBy } from '@millrace/contracts';
import { ShardedSystem } from '../e2e/sharded-system.ts';
import { idOf } from '../e2e/system-harness.ts';
import { KeptWork } from '../upgrade/kept-work.ts';
import { figures } from './figures.ts';
import { Load } from './load.ts';
import { Traffic } from './traffic.ts';

const REQUESTS_PER_SECOND = 15;
const JOBS = 12;

it('Redis that is added as a third shard, in two roll-outs under load: 0 failed, lost or repeated', async () => {
  await using sharded = await ShardedSystem.start({
    servers: 3,
    shards: (a, b) => ({ REDIS_URLS: `${a} ${b}` }),
    env: {
      ...KeptWork.env(),
      MILLRACE_GRAPHS: fileURLToPath(new URL('../e2e/asking-agent/langgraph.json', import.meta.url)),
      // as in production: the proxy gets time to close its connections
      MILLRACE_LINGER_MS: '5000',
      // shorter than the long answers: each is handed over to a worker with other settings
      MILLRACE_WORKER_GRACE_MS: '8000',
    },
  });
  const { system } = sharded;
  const [a, b, c] = sharded.urls;
  await using kept = await KeptWork.start(system);
  using traffic = new Traffic(system, { perSecond: REQUESTS_PER_SECOND });
  using load = await Load.start(system, { jobs: JOBS, stepMs: 100, watchersPerJob: 2 });
  let steps = 0;
  const between = async () => {
    await load.flows();
    await kept.goOn([steps], system.node(steps));
    steps += 1;
  };
  for (const inUse of ['2', '']) {
    await sharded.rollOut({ REDIS_URLS: `${a} ${b} | ${c}`, MILLRACE_SHARDS_IN_USE: inUse }, between);
  }
  await load.finish();
  const requests = await traffic.stop();
  await kept.goOn([4, 5], system.url);
  await kept.end();
  await kept.remove();
  const { resumptions } = load;
  figures({ requests, streams: load.watchers.length, resumptions, handedOver: load.restarts });

  expect(traffic.failures).toEqual([]);
  expect(await load.offences()).toEqual([]);
  expect(load.watchers.flatMap(({ watcher }) => watcher.refusals)).toEqual([]);
  const ids = await Promise.all(
    Array.from({ length: 20 }, async () => {
      await using stream = await system.ask('afterwards');
      return idOf(stream);
    }),
  );
  expect(ids.map(shardNamedBy)).toContain(2);
}, 400_000);
