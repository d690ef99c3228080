import { setTimeout as delay } from 'node:timers/promises';
import { answerTo, promptOf } from './answer.ts';
import type { JobPlan } from './job-plan.ts';
import { JobRun } from './job-run.ts';
import type { Stage } from './stage.ts';

/** All jobs of a run. */
export class Load {
  /** jobs that have begun */
  readonly jobs: JobRun[] = [];

  constructor(private readonly stage: Stage) {}

  /** Begins each job at its time.
   *  @param startedAt `performance.now()` at the start of the run
   *  @returns settles when all jobs are over; never if one hangs */
  async run(plans: readonly JobPlan[], startedAt: number): Promise<void> {
    const runs: Promise<void>[] = [];
    for (const plan of plans) {
      await delay(Math.max(0, startedAt + plan.atMs - performance.now()));
      this.prepare(plan);
      const job = new JobRun(this.stage, plan);
      this.jobs.push(job);
      runs.push(job.run());
    }
    await Promise.all(runs);
  }

  /** Closes everything that is still open. */
  close(): void {
    for (const job of this.jobs) job.close();
  }

  private prepare(plan: JobPlan): void {
    let calls = 0;
    const answer = () => {
      calls += 1;
      return answerTo(plan, calls);
    };
    this.stage.system.model.answer(answer, { to: promptOf(plan), stepMs: plan.stepMs });
  }
}
