import { setTimeout as delay } from 'node:timers/promises';
import { StepperModel } from '../stepper/stepper-model.ts';
import { ask } from './ask.ts';
import type { JobPlan } from './job-plan.ts';
import { JobRun } from './job-run.ts';
import { headersOf, type Stage } from './stage.ts';
import type { QuestionPlan, ThreadPlan } from './thread-plan.ts';

const ANSWER_MS = 20_000;
const BETWEEN_ASKS_MS = 200;
/** Longer than a node takes to give up a request whose client has gone: none may make a deleted thread anew. */
const BEFORE_DELETION_MS = 4_000;
/** From the deletion to the moment at which its readers must have their ends. */
const AFTER_DELETION_MS = 5_000;

/** One conversation of the load: carries out its plan, and records the answers. */
export class ThreadRun {
  readonly jobs: JobRun[] = [];
  /** statuses of the requests about the thread itself */
  readonly statuses: { readonly what: 'fork' | 'DELETE'; readonly status: number | null }[] = [];
  /** id of its copy, once there is one */
  fork: string | null = null;
  isDeleted = false;
  private readonly models = new Map<string, StepperModel>();

  /** @param begin makes and remembers a job */
  constructor(
    private readonly stage: Stage,
    readonly plan: ThreadPlan,
    private readonly begin: (plan: JobPlan, model: StepperModel | null) => JobRun,
  ) {}

  /** @returns settles when all its jobs are over */
  async run(): Promise<void> {
    const { jobs, questions, forksMs, isDeleted } = this.plan;
    const runs = jobs.map(async (job) => {
      await delay(job.atMs);
      await this.start(job).done;
    });
    if (forksMs !== null) runs.push(delay(forksMs).then(() => this.copy()));
    if (questions.length > 0) runs.push(this.askAndAnswer(questions));
    if (isDeleted) runs.push(this.delete());
    await Promise.all(runs);
  }

  private start(plan: JobPlan): JobRun {
    const job = this.begin(plan, this.modelOf(plan));
    this.jobs.push(job);
    return job;
  }

  /** A job that answers a question goes on with the model of the one that asked. */
  private modelOf({ task }: JobPlan): StepperModel | null {
    if (task === null) return null;
    const model = this.models.get(task.name) ?? new StepperModel(task);
    this.models.set(task.name, model);
    return model;
  }

  private async askAndAnswer(questions: readonly QuestionPlan[]): Promise<void> {
    for (const { asks, reply, answers } of questions) {
      await this.start(asks).done;
      // the next task drops the question
      if (reply === 'too late') continue;
      await Promise.all(answers.map((answer) => this.start(answer).done));
    }
    // an answer of the last question's would not be late: the thread waits for it
    if (questions.at(-1)?.reply === 'too late') return;
    const late = questions.filter(({ reply }) => reply === 'too late');
    for (const { answers } of late) for (const answer of answers) await this.start(answer).done;
  }

  private async copy(): Promise<void> {
    const id = `${this.plan.id}-copy`;
    await Promise.any(this.jobs.map(({ accepted }) => accepted));
    const status = await this.insist('fork', `/threads/${this.plan.id}/fork`, { id });
    // sent again after a lost answer it exists already
    if (status === 201 || status === 409) this.fork = id;
  }

  private async delete(): Promise<void> {
    // all that are still to come, too
    await delay(Math.max(0, ...this.plan.jobs.map(({ atMs }) => atMs)) + 1_000);
    await Promise.all(this.jobs.map(({ accepted }) => accepted));
    await delay(BEFORE_DELETION_MS);
    for (const job of this.jobs) job.isErased = true;
    const status = await this.insist('DELETE', `/threads/${this.plan.id}`, null);
    this.isDeleted = status === 204 || status === 404;
    await delay(AFTER_DELETION_MS);
    for (const job of this.jobs) job.close();
  }

  /** Repeats a request while there is no answer, or the service says that it is unavailable.
   *  @returns the status of the answer; null: there was none in time */
  private async insist(what: 'fork' | 'DELETE', path: string, body: object | null): Promise<number | null> {
    const init = {
      method: what === 'fork' ? 'POST' : 'DELETE',
      headers: { ...(body === null ? {} : { 'content-type': 'application/json' }), ...headersOf(this.plan.tenant) },
      body: body === null ? null : JSON.stringify(body),
    };
    for (;;) {
      const { ask: asked } = await ask('POST', `${this.stage.url}${path}`, init, { boundMs: ANSWER_MS });
      this.statuses.push({ what, status: asked.status });
      if (asked.status !== 503 && asked.status !== 0) return asked.status;
      await delay(BETWEEN_ASKS_MS);
    }
  }
}
