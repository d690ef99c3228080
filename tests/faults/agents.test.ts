import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawnService, startFaultProxy } from '@millrace/testing';
import { SystemHarness } from '../e2e/system-harness.ts';
import { stepsOf } from '../stepper/stepper-model.ts';
import { figures } from './figures.ts';
import { allOver, type Halt, offencesOfAll, SteppingJob } from './stepping-job.ts';
import { Store } from './store.ts';

const STEPS = 10;
const EVERY_STEP = Array.from({ length: STEPS }, (_, step) => step);
/** as for any job */
const TAKE_OVER_MS = 15_000;
const MENDED_MS = 10_000;
const GRACE_MS = 3_000;

let system: SystemHarness;
beforeEach(async () => {
  const graphs = fileURLToPath(new URL('../stepper/langgraph.json', import.meta.url));
  system = await SystemHarness.start({
    env: { MILLRACE_GRAPHS: graphs, MILLRACE_WORKER_GRACE_MS: String(GRACE_MS) },
  });
});
afterEach(() => system[Symbol.asyncDispose](), 30_000);

/** What the state of a thread's agent counts. */
async function stepsIn(threadId: string): Promise<unknown> {
  const response = await fetch(`${system.url}/threads/${threadId}/state`);
  const { values } = (await response.json()) as { values: { steps: string[] } };
  return values.steps;
}

/** Kills every worker, and starts as many others. */
async function killWorkers(): Promise<void> {
  await Promise.all(system.workers.map((worker) => worker.kill()));
  const next = system.workers.map(() => spawnService('worker', system.envOf('worker')));
  system.workers.splice(0, Number.POSITIVE_INFINITY, ...(await Promise.all(next)));
}

/** A job in a thread for each step of ten, whose model halts in the middle of that step.
 *  @param calls the model calls for that step in which it halts */
async function haltedInEachStep(calls: readonly number[], steps = EVERY_STEP) {
  const halts = (step: number) => calls.map((call): Halt => ({ step, call }));
  const jobs = steps.map(async (step) => {
    const job = await SteppingJob.open(system, { steps: STEPS, halts: halts(step), threadId: `step-${step}` });
    await job.untilHalted({ step, call: 1 });
    return { step, job, threadId: `step-${step}` };
  });
  return Promise.all(jobs);
}

describe('an agent', () => {
  it('SIGKILL in step k of 10: at most 1 model call again, no step lost or repeated, text exact', async () => {
    const halted = await haltedInEachStep([1]);
    const jobs = halted.map(({ job }) => job);
    const killedAt = performance.now();
    await killWorkers();
    const started = await Promise.all(jobs.map((job) => job.started(2)));
    const takenOverMs = Math.max(...started.map(({ at }) => at - killedAt));
    await allOver(jobs);
    const repeated = jobs.map(({ repeatedCalls }) => repeatedCalls);
    figures({ jobs: jobs.length, latestMs: takenOverMs, mostCallsRepeated: Math.max(...repeated) });

    expect(await offencesOfAll(jobs)).toEqual([]);
    expect(repeated).toEqual(jobs.map(() => 1));
    for (const { job, threadId } of halted) expect(await stepsIn(threadId)).toEqual(stepsOf(job.task));
    expect(takenOverMs).toBeLessThanOrEqual(TAKE_OVER_MS);
  });

  it('SIGSTOP in a step past the take-over, then SIGCONT: 0 checkpoints of the zombie, text exact', async () => {
    const halted = await haltedInEachStep([1, 2]);
    const jobs = halted.map(({ job }) => job);
    const runs = await Promise.all(
      halted.map(async (each) => ({ ...each, worker: await system.runnerOf(each.job.id) })),
    );
    const [zombie] = system.workers.toSorted((one, other) => jobsOf(other) - jobsOf(one));
    function jobsOf(worker: (typeof system.workers)[number]): number {
      return runs.filter((run) => run.worker === worker).length;
    }
    if (zombie === undefined) throw new Error('there is no worker');
    const own = runs.filter(({ worker }) => worker === zombie);
    for (const { job, step, worker } of runs) if (worker !== zombie) job.goOn({ step, call: 1 });
    zombie.pause();
    await Promise.all(own.map(({ job, step }) => job.untilHalted({ step, call: 2 })));
    // it finds the rest of its step in its sockets when it awakes
    for (const { job, step } of own) job.goOn({ step, call: 1 });

    using store = new Store(system);
    const look = () =>
      Promise.all(
        own.map(async ({ job, threadId }) => [...(await store.thread(threadId)), ...(await store.log(job.id))]),
      );
    const before = await look();
    zombie.resume();
    await Promise.all(
      own.map(({ job }) => zombie.logged(({ msg, requestId }) => msg === 'fenced' && requestId === job.id)),
    );
    const after = await look();
    const zombiePuts = after.flat().filter((line) => !before.flat().includes(line)).length;
    for (const { job, step } of own) job.goOn({ step, call: 2 });
    await allOver(jobs);
    const repeated = own.map(({ job }) => job.repeatedCalls);
    figures({ jobs: jobs.length, takenOver: own.length, zombiePuts, mostCallsRepeated: Math.max(...repeated) });

    expect(after).toEqual(before);
    expect(await offencesOfAll(jobs)).toEqual([]);
    expect(repeated).toEqual(own.map(() => 1));
    for (const { job, threadId } of halted) expect(await stepsIn(threadId)).toEqual(stepsOf(job.task));
  });

  it('SIGTERM with a grace time shorter than its work: moves between two steps, 0 model calls again', async () => {
    const opened = EVERY_STEP.map((number) =>
      SteppingJob.open(system, { steps: STEPS, threadId: `move-${number}`, stepMs: 100 }),
    );
    const jobs = await Promise.all(opened);
    await Promise.all(jobs.flatMap(({ watchers }) => watchers.map((watcher) => watcher.until(isText))));
    const [worker] = system.workers;
    if (worker === undefined) throw new Error('there is no worker');
    await system.restart(worker);
    await allOver(jobs);
    const repeated = jobs.map(({ repeatedCalls }) => repeatedCalls);
    const moved = jobs.filter(({ resets }) => resets > 0).length;
    figures({ jobs: jobs.length, moved, mostCallsRepeated: Math.max(...repeated) });

    expect(await offencesOfAll(jobs)).toEqual([]);
    expect(moved).toBeGreaterThan(0);
    expect(repeated).toEqual(jobs.map(() => 0));
    for (const [number, job] of jobs.entries()) expect(await stepsIn(`move-${number}`)).toEqual(stepsOf(job.task));
  });
});

describe('a thread', () => {
  it('API node SIGKILL between thread and queue: the next job runs within 10 s, once', async () => {
    await using network = await startFaultProxy({ target: system.redis.port });
    const redisUrl = `redis://127.0.0.1:${network.port}`;
    await using node = await spawnService('api', { ...system.env, REDIS_URL: redisUrl });
    using store = new Store(system);
    // blackhole only the node's connection for queueing: jobs enter their threads, and queue entries vanish
    expect(network.swallow(await store.portsOf(/:queue$/))).toBe(1);
    const opened = EVERY_STEP.map((number) =>
      SteppingJob.open(system, { steps: 2, threadId: `thread-${number}`, at: node.url }),
    );
    const jobs = await Promise.all(opened);
    await Promise.all(jobs.map(({ watchers }) => watchers[0]?.until(({ event }) => event === 'accepted')));
    const killedAt = performance.now();
    await node.kill();
    expect(await Promise.all(jobs.map(({ id }) => store.isQueued(id)))).toEqual(jobs.map(() => false));

    const started = await Promise.all(jobs.map((job) => job.started(1)));
    const times = started.map(({ at }) => at - killedAt);
    await allOver(jobs);
    figures({ jobs: jobs.length, soonestMs: Math.min(...times), latestMs: Math.max(...times) });
    expect(await offencesOfAll(jobs)).toEqual([]);
    expect(jobs.map(({ repeatedCalls }) => repeatedCalls)).toEqual(jobs.map(() => 0));
    expect(Math.max(...times)).toBeLessThanOrEqual(MENDED_MS);
  });

  it('all workers SIGKILL while a job ends and another waits: the next runs within 10 s of its end', async () => {
    const halt = { step: 1, call: 1 };
    const pairs = EVERY_STEP.map(async (number) => {
      const threadId = `pair-${number}`;
      const first = await SteppingJob.open(system, { steps: 1, halts: [halt], threadId });
      await first.untilHalted(halt);
      return { threadId, first, second: await SteppingJob.open(system, { steps: 1, threadId }) };
    });
    const conversations = await Promise.all(pairs);
    const jobs = conversations.flatMap(({ first, second }) => [first, second]);
    for (const { first } of conversations) first.goOn(halt);
    // the first ends are stored: others of the ten are between their end and the next job
    await conversations[0]?.first.over;
    await killWorkers();
    await allOver(jobs);
    const gaps = await Promise.all(
      conversations.map(async ({ first, second }) => (await begunAt(second)) - endedAt(first)),
    );
    figures({ threads: conversations.length, latestMs: Math.max(...gaps) });
    expect(await offencesOfAll(jobs)).toEqual([]);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(MENDED_MS);
    for (const { threadId, first, second } of conversations) {
      expect(await stepsIn(threadId)).toEqual([...stepsOf(first.task), ...stepsOf(second.task)]);
    }
  });
});

/** When a watcher was first told that the job runs. */
async function begunAt({ watchers: [watcher] }: SteppingJob): Promise<number> {
  return (await watcher?.until(({ event }) => event === 'started'))?.at ?? Number.NaN;
}

function endedAt({ watchers: [watcher] }: SteppingJob): number {
  return watcher?.terminal?.at ?? Number.NaN;
}

function isText({ event }: { readonly event: string }): boolean {
  return event === 'message';
}
