import { setTimeout as delay } from 'node:timers/promises';
import type { ModelRequest } from '@millrace/simulated-model';
import { StepperModel } from '../stepper/stepper-model.ts';
import { answerTo, promptOf } from './answer.ts';
import type { JobPlan } from './job-plan.ts';
import { JobRun } from './job-run.ts';
import type { Stage } from './stage.ts';
import type { ThreadPlan } from './thread-plan.ts';
import { ThreadRun } from './thread-run.ts';

/** All jobs of a run, and all threads. */
export class Load {
  /** jobs that have begun */
  readonly jobs: JobRun[] = [];
  /** threads that have begun */
  readonly threads: ThreadRun[] = [];

  constructor(private readonly stage: Stage) {}

  /** Begins each job and each thread at its time.
   *  @param startedAt `performance.now()` at the start of the run
   *  @returns settles when all jobs are over; never if one hangs */
  async run(plans: readonly JobPlan[], threads: readonly ThreadPlan[], startedAt: number): Promise<void> {
    await Promise.all([
      this.each(plans, startedAt, (plan) => this.begin(plan, modelOf(plan)).done),
      this.each(threads, startedAt, (plan) => {
        const thread = new ThreadRun(this.stage, plan, (job, model) => this.begin(job, model));
        this.threads.push(thread);
        return thread.run();
      }),
    ]);
  }

  /** Closes everything that is still open. */
  close(): void {
    for (const job of this.jobs) job.close();
    for (const thread of this.threads) thread.close();
  }

  private async each<Plan extends { readonly atMs: number }>(
    plans: readonly Plan[],
    startedAt: number,
    run: (plan: Plan) => Promise<void>,
  ): Promise<void> {
    const runs: Promise<void>[] = [];
    for (const plan of plans) {
      await delay(Math.max(0, startedAt + plan.atMs - performance.now()));
      runs.push(run(plan));
    }
    await Promise.all(runs);
  }

  private begin(plan: JobPlan, agent: StepperModel | null): JobRun {
    this.prepare(plan, agent);
    const job = new JobRun(this.stage, plan);
    this.jobs.push(job);
    return job.begin();
  }

  private prepare(plan: JobPlan, agent: StepperModel | null): void {
    let calls = 0;
    const answer = (request: ModelRequest) => {
      if (agent !== null) return agent.answer(request);
      calls += 1;
      return answerTo(plan, calls);
    };
    this.stage.system.model.answer(answer, { to: promptOf(plan), stepMs: plan.stepMs });
  }
}

function modelOf({ task }: JobPlan): StepperModel | null {
  return task === null ? null : new StepperModel(task);
}
