import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { SystemHarness } from '../e2e/system-harness.ts';
import { Load } from '../faults/load.ts';
import { Traffic } from '../faults/traffic.ts';
import { KeptWork } from './kept-work.ts';

const HERE = fileURLToPath(new URL('../..', import.meta.url));
const REQUESTS_PER_SECOND = 15;
const JOBS = 12;
/** How long two versions work side by side at each step, milliseconds. */
const SIDE_BY_SIDE_MS = 3_000;

/** `npm run test:upgrade` has built it. */
function lastRelease(): string {
  const folder = process.env['MILLRACE_TEST_LAST_RELEASE'];
  if (folder === undefined) throw new Error('run these tests by `npm run test:upgrade`, which builds the last release');
  return folder;
}

describe('a rolling upgrade', () => {
  it.each([
    ['from the last release', () => ({ before: lastRelease(), after: HERE })],
    ['back to the last release', () => ({ before: HERE, after: lastRelease() })],
  ])(
    '%s, of each node and worker under load: nothing is lost, repeated or refused',
    async (_name, versions) => {
      const { before, after } = versions();
      await using system = await SystemHarness.start({
        root: before,
        env: {
          ...KeptWork.env(),
          MILLRACE_GRAPHS: `${HERE}/tests/e2e/asking-agent/langgraph.json`,
          // as in production: the proxy gets time to close its connections
          MILLRACE_LINGER_MS: '5000',
          // shorter than the long answers: each is handed over to a worker of the other version
          MILLRACE_WORKER_GRACE_MS: '8000',
        },
      });
      await using kept = await KeptWork.start(system);
      using traffic = new Traffic(system, { perSecond: REQUESTS_PER_SECOND });
      using load = await Load.start(system, { jobs: JOBS, stepMs: 100, watchersPerJob: 2 });
      const replace = async (kind: 'apis' | 'workers', place: number) => {
        const service = system[kind][place];
        if (service === undefined) throw new RangeError(`there is no ${place} of the ${kind}`);
        await system.restart(service, {}, { root: after });
        await delay(SIDE_BY_SIDE_MS);
        await load.flows();
      };
      await replace('apis', 0);
      await kept.goOn([0], system.node(0));
      await replace('workers', 0);
      await kept.goOn([1], system.node(0));
      await kept.goOn([2], system.node(1));
      await replace('apis', 1);
      await kept.goOn([3], system.node(1));
      await replace('workers', 1);
      await kept.goOn([4, 5], system.url);
      await load.finish();
      await traffic.stop();
      await kept.end();
      await kept.remove();

      expect(traffic.failures).toEqual([]);
      expect(await load.offences()).toEqual([]);
      expect(load.watchers.flatMap(({ watcher }) => watcher.refusals)).toEqual([]);
    },
    300_000,
  );
});
