import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { SpawnedService } from '@millrace/testing';
import { SystemHarness } from '../e2e/system-harness.ts';
import { figures } from './figures.ts';
import { GatedJob, offencesOf } from './gated-job.ts';
import { Store } from './store.ts';

const JOBS = 30;
const TAKE_OVER_MS = 15_000;

let system: SystemHarness;
beforeEach(async () => {
  system = await SystemHarness.start();
});
afterEach(() => system[Symbol.asyncDispose](), 30_000);

/** The worker that runs most of the jobs, its own jobs, and the others' jobs. */
async function busiest(jobs: readonly GatedJob[]) {
  const runs = await Promise.all(jobs.map(async (job) => ({ job, worker: await system.runnerOf(job.id) })));
  const jobsOf = (worker: SpawnedService) => runs.filter((run) => run.worker === worker).map(({ job }) => job);
  const [worker] = system.workers.toSorted((one, other) => jobsOf(other).length - jobsOf(one).length);
  if (worker === undefined) throw new Error('there is no worker');
  const own = jobsOf(worker);
  return { worker, own, others: jobs.filter((job) => !own.includes(job)) };
}

/** Settles when other workers have taken over all of the jobs.
 *  @returns how long the first and the last take-over took, milliseconds */
async function takenOver(jobs: readonly GatedJob[], since: number) {
  const started = await Promise.all(jobs.map((job) => job.started(2)));
  const times = started.map(({ at }) => at - since);
  return { soonestMs: Math.min(...times), latestMs: Math.max(...times) };
}

describe('worker', () => {
  it.each([
    ['before the first token', 0],
    ['mid-stream', 10],
    ['after the last token before done', 20],
  ])('SIGKILL %s: taken over within 15 s, one end, one whole answer', async (_moment, words) => {
    const jobs = await GatedJob.openMany(system, JOBS);
    await Promise.all(jobs.map((job) => job.say(words)));
    const { worker, own, others } = await busiest(jobs);
    const killedAt = performance.now();
    await worker.kill();
    await Promise.all(others.map((job) => job.finish()));
    const times = await takenOver(own, killedAt);
    await Promise.all(jobs.map(({ over }) => over));
    figures({ jobs: jobs.length, takenOver: own.length, ...times });

    expect(await offencesOf(jobs)).toEqual([]);
    expect(times.latestMs).toBeLessThanOrEqual(TAKE_OVER_MS);
    for (const { watchers, words: answer } of jobs) {
      expect(watchers.map(({ text }) => text)).toEqual(watchers.map(() => answer.join('')));
    }
    expect(own.map(({ requests }) => requests.length)).toEqual(own.map(() => 2));
    expect(others.map(({ requests }) => requests.length)).toEqual(others.map(() => 1));
    expect(own.map(resets)).toEqual(own.map(() => (words === 0 ? 0 : 1)));
  });

  it('SIGSTOP past the take-over, then SIGCONT: fenced, 0 of its events in the log', async () => {
    const jobs = await GatedJob.openMany(system, JOBS);
    await Promise.all(jobs.map((job) => job.say(5)));
    const { worker: zombie, own, others } = await busiest(jobs);
    const heirs = own.map(({ prompt }) => system.model.gated({ to: prompt }));
    const pausedAt = performance.now();
    zombie.pause();
    const times = await takenOver(own, pausedAt);
    await Promise.all(heirs.map(({ request }) => request));
    // it finds this in its sockets when it resumes: the next word of one job, the whole rest of the other
    await Promise.all(own.map((job, index) => (index % 2 === 0 ? job.gate.say('too late ') : job.finish())));

    using store = new Store(system);
    const logs = () => Promise.all(own.map(({ id }) => store.log(id)));
    const before = await logs();
    const resumedAt = performance.now();
    zombie.resume();
    const fenced = own.map(({ id }) => zombie.logged(({ msg, requestId }) => msg === 'fenced' && requestId === id));
    await Promise.all(fenced);
    const ends = await Promise.all(own.map(async ({ gate }) => (await gate.request).ended));
    const after = await logs();
    const modelClosedMs = Math.max(...ends.filter(({ by }) => by === 'client').map(({ at }) => at - resumedAt));
    const zombieEvents = after.flat().length - before.flat().length;
    figures({ jobs: jobs.length, takenOver: own.length, ...times, zombieEvents, modelClosedMs });
    expect(after).toEqual(before);
    expect(ends.map(({ by }) => by)).toEqual(own.map((_, index) => (index % 2 === 0 ? 'client' : 'server')));

    await Promise.all(own.map(({ words }, index) => sayAll(heirs[index], words)));
    await Promise.all(others.map((job) => job.finish()));
    await Promise.all(jobs.map(({ over }) => over));
    expect(await offencesOf(jobs)).toEqual([]);
    expect(own.map(({ requests }) => requests.length)).toEqual(own.map(() => 2));
    expect(own.map(resets)).toEqual(own.map(() => 1));
  });
});

async function sayAll(gate: GatedJob['gate'] | undefined, words: readonly string[]): Promise<void> {
  for (const word of words) await gate?.say(word);
  await gate?.finish();
}

/** How often a watcher of the job was told to start again. */
function resets({ watchers: [watcher] }: GatedJob): number {
  return watcher?.events.filter(({ event }) => event === 'reset').length ?? 0;
}
