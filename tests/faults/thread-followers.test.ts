import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { judgeFollower, ResumingReader } from '@millrace/testing';
import { SystemHarness } from '../e2e/system-harness.ts';
import { figures } from './figures.ts';
import { allOver, offencesOfAll, SteppingJob } from './stepping-job.ts';
import { Store } from './store.ts';

const THREAD = 'followed';
const DEVICES = 20;

let system: SystemHarness;
beforeEach(async () => {
  const graphs = fileURLToPath(new URL('../stepper/langgraph.json', import.meta.url));
  system = await SystemHarness.start({ env: { MILLRACE_GRAPHS: graphs } });
});
afterEach(() => system[Symbol.asyncDispose](), 30_000);

/** A device that shows the thread: every second one from its beginning, the others from now. */
function follow(device: number): ResumingReader {
  const from = device % 2 === 0 ? '0/0-0' : undefined;
  return system.use(new ResumingReader(() => `${system.url}/threads/${THREAD}/stream`, null, { isThread: true, from }));
}

describe('a thread', () => {
  it('followed by 20 devices while a worker, a node and Redis are lost: each job whole, in order, once', async () => {
    const job = (): Promise<SteppingJob> => SteppingJob.open(system, { steps: 4, threadId: THREAD, stepMs: 20 });
    const jobs = [await job()];
    const devices = Array.from({ length: DEVICES }, (_, device) => follow(device));
    const untilBegun = async (of: SteppingJob) => {
      await Promise.all(devices.map((device) => device.until(({ id, event }) => event === 'message' && isOf(id, of))));
    };
    jobs.push(await job(), await job(), await job());
    const [first, second, third, last] = jobs as [SteppingJob, SteppingJob, SteppingJob, SteppingJob];

    await untilBegun(first);
    await (await system.runnerOf(first.id)).kill();
    await untilBegun(second);
    const [node] = system.apis;
    await node?.kill();
    await untilBegun(third);
    await system.redis.shutDown();
    await system.redis.start();
    await allOver(jobs);
    const end = ({ id, event }: { id: string | undefined; event: string }) => event === 'done' && isOf(id, last);
    await Promise.all(devices.map((device) => device.until(end)));

    using store = new Store(system);
    const logs = new Map(await Promise.all(jobs.map(async ({ id }) => [id, await store.events(id)] as const)));
    const turns = (await store.turns(THREAD)).map((id) => ({ id, log: logs.get(id) ?? [] }));
    const offences = devices.flatMap(({ events, begins }, device) =>
      judgeFollower({ name: `device ${device}`, events, begins }, turns),
    );
    const resumed = devices.map(({ connections }) => connections - 1);
    figures({ devices: devices.length, jobs: jobs.length, resumes: resumed.reduce((sum, times) => sum + times, 0) });
    expect(offences).toEqual([]);
    expect(await offencesOfAll(jobs)).toEqual([]);
    expect(turns.map(({ id }) => id)).toEqual(jobs.map(({ id }) => id));
  });
});

function isOf(id: string | undefined, job: SteppingJob): boolean {
  return id?.startsWith(`${job.id}/`) === true;
}
