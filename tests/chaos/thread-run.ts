import { setTimeout as delay } from 'node:timers/promises';
import { threadRef } from '@millrace/contracts';
import { endsAmong, eventually, ResumingReader } from '@millrace/testing';
import { ThreadKeys } from '@millrace/threads';
import { StepperModel } from '../stepper/stepper-model.ts';
import { ask } from './ask.ts';
import type { JobPlan } from './job-plan.ts';
import { JobRun } from './job-run.ts';
import { headersOf, type Stage } from './stage.ts';
import { copyOf, type FollowerPlan, type QuestionPlan, type ThreadPlan } from './thread-plan.ts';

const ANSWER_MS = 20_000;
const BETWEEN_ASKS_MS = 200;
/** Longer than a node takes to give up a request whose client has gone: none may make a deleted thread anew. */
const BEFORE_DELETION_MS = 4_000;
/** From the deletion to the moment at which its readers must have their ends. */
const AFTER_DELETION_MS = 5_000;
/** From the end of the last job to the moment at which followers must have had it: longer than any fault lasts. */
const FOLLOWED_MS = 60_000;

/** A copy of a thread that was asked for. */
interface CopyRun {
  readonly id: string;
  /** null: there is no copy */
  readonly job: JobRun | null;
}

/** A reader of all that happens in a thread. */
interface Follower {
  readonly name: string;
  readonly reader: ResumingReader;
  left: boolean;
}

/** One conversation of the load: carries out its plan, and records the answers. */
export class ThreadRun {
  readonly jobs: JobRun[] = [];
  /** statuses of the requests about the thread itself */
  readonly statuses: { readonly what: 'fork' | 'DELETE'; readonly status: number | null }[] = [];
  readonly copies: CopyRun[] = [];
  readonly followers: Follower[] = [];
  isDeleted = false;
  /** a job ran right before the deletion */
  wasBusy = false;
  /** the first accepted job makes the thread */
  private readonly exists = Promise.withResolvers<void>();
  private readonly models = new Map<string, StepperModel>();

  /** @param begin makes and remembers a job */
  constructor(
    private readonly stage: Stage,
    readonly plan: ThreadPlan,
    private readonly begin: (plan: JobPlan, model: StepperModel | null) => JobRun,
  ) {}

  /** @returns settles when all its jobs are over */
  async run(): Promise<void> {
    const { jobs, questions, copy, isDeleted, followers } = this.plan;
    const runs = jobs.map(async (job) => {
      await delay(job.atMs);
      await this.start(job).done;
    });
    if (copy !== null) runs.push(delay(copy.atMs).then(() => this.copy(copyOf(this.plan.id), copy.job)));
    if (questions.length > 0) runs.push(this.askAndAnswer(questions));
    if (isDeleted) runs.push(this.delete());
    runs.push(...followers.map((follower, index) => this.follow(`follower ${index + 1}`, follower)));
    await Promise.all(runs);
    await this.followed();
  }

  close(): void {
    for (const { reader } of this.followers) reader.close();
  }

  private start(plan: JobPlan): JobRun {
    const job = this.begin(plan, this.modelOf(plan));
    this.jobs.push(job);
    void job.accepted.then(() => this.exists.resolve());
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
    for (const { asks, reply, answers, inCopy } of questions) {
      await this.start(asks).done;
      if (inCopy !== null) await this.copy(inCopy.place?.threadId ?? '', inCopy);
      // the next task drops the question
      if (reply === 'too late') continue;
      await Promise.all(answers.map((answer) => this.start(answer).done));
    }
    // an answer of the last question's would not be late: the thread waits for it
    if (questions.at(-1)?.reply === 'too late') return;
    const late = questions.filter(({ reply }) => reply === 'too late');
    for (const { answers } of late) for (const answer of answers) await this.start(answer).done;
  }

  /** Copies the thread, and begins a job in the copy. */
  private async copy(id: string, job: JobPlan): Promise<void> {
    await this.exists.promise;
    const status = await this.insist('fork', `/threads/${this.plan.id}/fork`, { id });
    // sent again after a lost answer it exists already, unless the first request was cut short: its id stays taken for a while
    const exists = status === 201 || (status === 409 && (await this.isThere(id)));
    const run = exists ? this.begin(job, this.modelOf(job)) : null;
    this.copies.push({ id, job: run });
    await run?.done;
  }

  private async follow(name: string, { joinsMs, leavesMs, from }: FollowerPlan): Promise<void> {
    await this.exists.promise;
    await delay(joinsMs);
    const reader = new ResumingReader(() => `${this.stage.url}/threads/${this.plan.id}/stream`, null, {
      headers: headersOf(this.plan.tenant),
      isThread: true,
      from: from === 'beginning' ? '0/0-0' : undefined,
    });
    const follower: Follower = { name, reader, left: false };
    this.followers.push(follower);
    if (leavesMs === null) return;
    await Promise.race([reader.over, delay(leavesMs - joinsMs)]);
    follower.left = true;
    reader.close();
  }

  /** Settles when those that have stayed have the end of the last job, or should have had it long ago. */
  private async followed(): Promise<void> {
    const staying = this.followers.filter(({ left }) => !left);
    const areDone = async () => {
      const last = this.isDeleted ? null : ((await turnsOf(this.stage, this.plan)).at(-1) ?? null);
      return staying.every(({ reader }) => (this.isDeleted ? reader.isGone : hasAllUpTo(last, reader)));
    };
    await eventually(areDone, { timeoutMs: FOLLOWED_MS }).catch(() => {
      // they are judged for what they lack
    });
    this.close();
  }

  private async delete(): Promise<void> {
    const path = `/threads/${this.plan.id}`;
    // all that are still to come, too
    await delay(Math.max(0, ...this.plan.jobs.map(({ atMs }) => atMs)) + 1_000);
    await Promise.all(this.jobs.map(({ accepted }) => accepted));
    await delay(BEFORE_DELETION_MS);
    for (const job of this.jobs) job.isErased = true;
    this.wasBusy = await this.isBusy(path);
    const status = await this.insist('DELETE', path, null);
    this.isDeleted = status === 204 || status === 404;
    await delay(AFTER_DELETION_MS);
    for (const job of this.jobs) job.close();
  }

  private async isThere(id: string): Promise<boolean> {
    const url = `${this.stage.system.url}/threads/${id}`;
    const answer = async () => {
      const { status } = await fetch(url, { headers: headersOf(this.plan.tenant) });
      return status === 200 || status === 404 ? { status } : null;
    };
    return (await eventually(answer, { timeoutMs: FOLLOWED_MS })).status === 200;
  }

  /** @returns false, too, if the service cannot say */
  private async isBusy(path: string): Promise<boolean> {
    try {
      const response = await fetch(`${this.stage.system.url}${path}`, { headers: headersOf(this.plan.tenant) });
      return ((await response.json()) as { status?: string }).status === 'busy';
    } catch {
      return false;
    }
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

/** The jobs that have had their turn in a thread, in order, as Redis has them. */
export async function turnsOf({ system, redis }: Stage, { tenant, id }: ThreadPlan): Promise<string[]> {
  const keys = new ThreadKeys(system.env['MILLRACE_KEY_PREFIX'] ?? '');
  return redis.zrange(keys.jobs(threadRef(tenant, id)), '0', '-1');
}

function hasAllUpTo(jobId: string | null, { events, begins }: ResumingReader): boolean {
  if (jobId === null) return true;
  const [lastJob] = events.at(-1)?.id?.split('/') ?? [];
  if (lastJob === jobId) return endsAmong(events.slice(-1)).length === 1;
  // it came after the last end
  const [beginsAt, after] = begins?.split('/') ?? [];
  return beginsAt === jobId && after !== '0-0';
}
