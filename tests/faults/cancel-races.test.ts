import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Random, type SpawnedService, type SseEvent } from '@millrace/testing';
import { SystemHarness } from '../e2e/system-harness.ts';
import { figures } from './figures.ts';
import { GatedJob, offencesOf } from './gated-job.ts';
import { expectRest } from './rest.ts';

const JOBS = 40;
// shorter than the default, but long enough that no worker counts as dead on a busy machine
const LOCK_MS = 5_000;
const STALL_CHECK_MS = 1_000;
const SWEEP_MS = 1_000;
// a sweep looks for jobs older than 5 s
const REST_MS = 5_000 + SWEEP_MS + LOCK_MS + STALL_CHECK_MS;
const BETWEEN_ASKS_MS = 2;
const STAGGER_MS = 25;
const OUTAGE_MS = 3_000;

/** From the DELETE's answer to the end of the model's connection, milliseconds: twice the bound of PROTOCOL.md §6, for
 *  a busy machine. */
const ABORT_WITHIN_MS = 500;

const ENV = {
  MILLRACE_WORKER_LOCK_MS: String(LOCK_MS),
  MILLRACE_WORKER_STALL_CHECK_MS: String(STALL_CHECK_MS),
  MILLRACE_SWEEP_MS: String(SWEEP_MS),
};

const HOLDS = 'one terminal event, nothing after it, and the job never runs again';

/** `MILLRACE_TEST_SEED` repeats a run; without it each run has a new seed. */
function seeded(): { readonly seed: number; readonly random: Random } {
  const seed = Number(process.env['MILLRACE_TEST_SEED'] || Date.now() % 1_000_000);
  return { seed, random: new Random(seed) };
}

let system: SystemHarness;
afterEach(() => system[Symbol.asyncDispose](), 30_000);

/** A job that a client has cancelled, or tried to cancel. */
interface Cancel {
  readonly job: GatedJob;
  /** the answer to the last DELETE, and its time */
  readonly status: number;
  readonly at: number;
  readonly asks: number;
}

/** DELETEs a job, and repeats that while the answer asks the client to try again. */
async function cancel(id: string, patientWith: readonly number[] = []): Promise<Omit<Cancel, 'job'>> {
  for (let asks = 1; ; asks += 1) {
    const { status, body } = await system.cancel(id);
    await body?.cancel();
    if (!patientWith.includes(status)) return { status, at: performance.now(), asks };
    await delay(BETWEEN_ASKS_MS);
  }
}

/** Expects that every job ended once, as its DELETE said, and does not change; prints the figures of the race.
 *  @returns how long after a DELETE's answer the last model call was aborted, milliseconds */
async function judge(cancels: readonly Cancel[], seed: number): Promise<number> {
  const jobs = cancels.map(({ job }) => job);
  await Promise.all(jobs.map(({ over }) => over));
  const endings = cancels.map(({ job, status }) => `${status} ${job.watchers[0]?.terminal?.event}`);
  const calls = cancels.flatMap(({ job, at }) => job.requests.map(({ ended }) => ({ ended, cancelledAt: at })));
  const ends = await Promise.all(calls.map(async ({ ended, cancelledAt }) => ({ ...(await ended), cancelledAt })));
  const aborted = ends.filter(({ by }) => by === 'client');
  const abortedMs = Math.max(0, ...aborted.map(({ at, cancelledAt }) => at - cancelledAt));
  const begun = (attempt: number) => jobs.filter((job) => job.watchers[0]?.events.some(startOf(attempt)));
  figures({
    ...{ seed, jobs: jobs.length },
    cancelled: endings.filter((ending) => ending === '200 cancelled').length,
    finished: endings.filter((ending) => ending === '409 done').length,
    askedAgain: cancels.filter(({ asks }) => asks > 1).length,
    ...{ begun: begun(1).length, takenOver: begun(2).length },
    ...{ aborted: aborted.length, abortedMs },
  });
  expect(endings.filter((ending) => !['200 cancelled', '409 done'].includes(ending))).toEqual([]);
  expect(await offencesOf(jobs)).toEqual([]);
  await expectRest(system, jobs, REST_MS);
  return abortedMs;
}

/** Races with staggered starts, so that each has the machine to itself at its critical moment. */
function staggered<Entrant>(entrants: readonly Entrant[], race: (entrant: Entrant, index: number) => Promise<Cancel>) {
  return Promise.all(
    entrants.map(async (entrant, index) => {
      await delay(index * STAGGER_MS);
      return race(entrant, index);
    }),
  );
}

describe('cancel racing with', () => {
  beforeEach(async () => {
    system = await SystemHarness.start({ env: ENV });
  });

  it(`enqueue: ${HOLDS}`, async () => {
    const { seed, random } = seeded();
    const ids = Array.from({ length: JOBS }, () => crypto.randomUUID());
    const cancels = await staggered(ids, async (id) => {
      // begins before the POST: until the record exists, the job is unknown
      const cancelling = cancel(id, [404]);
      await delay(random.int(0, 5));
      const job = await GatedJob.open(system, { headers: { 'x-request-id': id } });
      return { job, ...(await cancelling) };
    });
    expect(await judge(cancels, seed)).toBeLessThanOrEqual(ABORT_WITHIN_MS);
  });

  it(`pick-up: ${HOLDS}`, async () => {
    const { seed, random } = seeded();
    const entrants = Array.from({ length: JOBS }, () => crypto.randomUUID());
    const cancels = await staggered(entrants, async (id) => {
      const opening = GatedJob.open(system, { headers: { 'x-request-id': id } });
      await delay(random.int(0, 40));
      const answer = await cancel(id, [404]);
      return { job: await opening, ...answer };
    });
    expect(await judge(cancels, seed)).toBeLessThanOrEqual(ABORT_WITHIN_MS);
  });

  it(`first token: ${HOLDS}`, async () => {
    const { seed, random } = seeded();
    const jobs = await GatedJob.openMany(system, JOBS);
    await Promise.all(jobs.map(({ gate }) => gate.request));
    const cancels = await staggered(jobs, async (job) => {
      const [answer] = await Promise.all([
        delay(random.int(0, 10)).then(() => cancel(job.id)),
        delay(random.int(0, 10)).then(() => job.gate.say('first ')),
      ]);
      return { job, ...answer };
    });
    expect(await judge(cancels, seed)).toBeLessThanOrEqual(ABORT_WITHIN_MS);
  });

  it(`last token: ${HOLDS}`, async () => {
    const { seed, random } = seeded();
    const jobs = await GatedJob.openMany(system, JOBS);
    await Promise.all(jobs.map((job) => job.say(job.words.length - 1)));
    const cancels = await staggered(jobs, async (job) => {
      const [answer] = await Promise.all([
        delay(random.int(0, 10)).then(() => cancel(job.id)),
        delay(random.int(0, 10)).then(() => job.finish()),
      ]);
      return { job, ...answer };
    });
    expect(await judge(cancels, seed)).toBeLessThanOrEqual(ABORT_WITHIN_MS);
  });

  it.each([
    ['killed', (worker: SpawnedService) => worker.kill()],
    ['frozen, and awake again', (worker: SpawnedService) => worker.pause()],
  ])(`take-over (from a worker that is %s): ${HOLDS}`, async (_how, strike) => {
    const { seed, random } = seeded();
    const jobs = await GatedJob.openMany(system, JOBS);
    await Promise.all(jobs.map((job) => job.say(5)));
    const runners = await Promise.all(jobs.map(({ id }) => system.runnerOf(id)));
    const [zombie, heir] = system.workers;
    if (zombie === undefined || heir === undefined) throw new Error('there are two workers');
    const lost = jobs.filter((_, index) => runners[index] === zombie);
    const others = jobs.filter((job) => !lost.includes(job));
    await strike(zombie);
    const race = async (job: GatedJob, index: number): Promise<Cancel> => {
      // a few milliseconds before or after the next attempt begins
      if (index % 2 === 1) await job.started(2);
      else await heir.logged(({ msg, requestId }) => msg === 'worker lost' && requestId === job.id);
      await delay(random.int(0, 30));
      return { job, ...(await cancel(job.id)) };
    };
    const cancels = await Promise.all(lost.map(race));
    if (zombie.child.running) zombie.resume();
    await Promise.all(others.map((job) => job.finish()));
    await Promise.all(others.map(({ over }) => over));
    await judge(cancels, seed);
    expect(await offencesOf(others)).toEqual([]);
  });
});

describe('cancel of an agent', () => {
  beforeEach(async () => {
    const graphs = fileURLToPath(new URL('../e2e/held-agents/langgraph.json', import.meta.url));
    system = await SystemHarness.start({ env: { ...ENV, MILLRACE_GRAPHS: graphs } });
  });

  it.each([
    ['model call', 'held-in-model', 5],
    ['tool', 'held-in-tool', 0],
  ])(`in its %s: the signal aborts it, ${HOLDS}`, async (_place, pipeline, words) => {
    const { seed } = seeded();
    const jobs = await GatedJob.openMany(system, JOBS, { pipeline });
    await Promise.all(jobs.map((job) => job.say(words)));
    const cancels = await staggered(jobs, async (job) => ({ job, ...(await cancel(job.id)) }));
    const ends = await Promise.all(jobs.map(async ({ gate }) => (await (await gate.request).ended).by));
    const abortedMs = await judge(cancels, seed);
    expect(ends).toEqual(jobs.map(() => 'client'));
    expect(abortedMs).toBeLessThanOrEqual(ABORT_WITHIN_MS);
  });
});

describe('cancel racing with a Redis outage', () => {
  beforeEach(async () => {
    system = await SystemHarness.start({ faulty: true, env: ENV });
  });

  it.each([
    ['stopped', () => system.redis.shutDown(), () => system.redis.start()],
    ['blackholed', () => blackhole(true), () => blackhole(false)],
  ])(`(%s): ${HOLDS}`, async (_way, away, back) => {
    const { seed, random } = seeded();
    const jobs = await GatedJob.openMany(system, JOBS);
    await Promise.all(jobs.map((job) => job.say(5)));
    const outage = async () => {
      await delay((JOBS / 2) * STAGGER_MS);
      await away();
      await delay(OUTAGE_MS);
      await back();
    };
    const race = async (job: GatedJob, index: number): Promise<Cancel> => {
      const [answer] = await Promise.all([
        delay(random.int(0, 20)).then(() => cancel(job.id, [503])),
        // some have written their whole answer, and some have not
        index % 2 === 0 ? job.finish() : job.gate.say('more '),
      ]);
      return { job, ...answer };
    };
    const [cancels] = await Promise.all([staggered(jobs, race), outage()]);
    await judge(cancels, seed);
  });
});

async function blackhole(on: boolean): Promise<void> {
  for (const way of Object.values(system.network)) way.blackhole(on);
}

function startOf(attempt: number) {
  return ({ event, data }: SseEvent) => event === 'started' && data.attempt === attempt;
}
