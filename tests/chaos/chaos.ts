import { setTimeout as delay } from 'node:timers/promises';
import { caseFileOf, threadFileOf } from './case-file.ts';
import { evidenceOf } from './evidence.ts';
import { loadOf } from './job-plan.ts';
import { Load } from './load.ts';
import { showProgress } from './progress.ts';
import { kindsOf, tableOf } from './report.ts';
import { scheduleOf } from './schedule.ts';
import { Stage } from './stage.ts';
import { type Struck, strikeAll } from './strikes.ts';
import { threadEvidenceOf } from './thread-evidence.ts';
import { threadsOf } from './thread-plan.ts';
import { usageEvidenceOf } from './usage-evidence.ts';
import { verdictOn } from './verdict.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly minutes: number;
  /** gives up, and ends everything that was started */
  readonly signal: AbortSignal;
}

// the longest time to an end after the last fault: a take-over (12 s), a long answer (18 s), a silent model (25 s);
// twice that, for a busy machine
const SETTLE_MS = 110_000;

/** Runs the built system under load and faults, and prints the result.
 *  @returns whether every promise was kept
 *  @throws the signal's reason */
export async function runChaos(options: ChaosOptions): Promise<boolean> {
  await using stage = await Stage.start();
  options.signal.throwIfAborted();
  const stopped = Promise.withResolvers<never>();
  options.signal.addEventListener('abort', () => stopped.reject(options.signal.reason));
  return await Promise.race([stopped.promise, runOn(stage, options)]);
}

async function runOn(stage: Stage, { seed, minutes }: ChaosOptions): Promise<boolean> {
  const load = new Load(stage);
  const struck: Struck[] = [];
  const startedAt = performance.now();
  console.log(`seed ${seed}, ${minutes} min of faults: the same choices each time, at times that a real system shifts`);
  {
    using _progress = showProgress(startedAt, load, struck);
    const over = load.run(loadOf(seed, minutes), threadsOf(seed, minutes), startedAt);
    const quiet = strikeAll(stage, scheduleOf(seed, minutes), startedAt, struck).then(() => stage.heal());
    await Promise.all([quiet, Promise.race([over, quiet.then(patience)])]);
  }
  const testimonies = await evidenceOf(stage, load.jobs);
  const threads = await threadEvidenceOf(stage, load.threads, testimonies);
  const usage = await usageEvidenceOf(stage, load.jobs, testimonies);
  load.close();

  const verdict = verdictOn(testimonies, struck, threads, usage);
  console.log(tableOf({ testimonies, threads, struck, verdict, usage, crashes: stage.crashes }));
  console.log(kindsOf(verdict));
  const [first] = verdict.offended;
  if (first !== undefined) {
    const logged = first.testimony.id === null ? [] : stage.logOf(first.testimony.id);
    console.log(`\nthe first of ${verdict.offended.length}: ${caseFileOf(first, struck, logged, startedAt)}`);
  }
  const [thread] = verdict.threads;
  if (thread !== undefined) {
    const file = threadFileOf(thread, struck, (id) => stage.logOf(id), startedAt);
    console.log(`\nthe first of ${verdict.threads.length} threads: ${file}`);
  }
  for (const { what } of verdict.usage) console.log(`\n${what}`);
  for (const crash of stage.crashes) console.log(`\n${crash}`);
  const kept = first === undefined && thread === undefined && verdict.usage.length === 0;
  const well = kept && stage.crashes.length === 0;
  console.log(
    well ? '\nall is well' : `\nfailed; to have it again: npm run chaos -- --minutes ${minutes} --seed ${seed}`,
  );
  return well;
}

/** The time that the last jobs get: a job that is not over by then hangs. */
async function patience(): Promise<void> {
  // if the load is over first, nobody waits for this timer, and neither does the process
  await delay(SETTLE_MS, undefined, { ref: false });
}
