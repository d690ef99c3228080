import { Random } from '@millrace/testing';
import type { Task } from '../stepper/stepper-model.ts';
import { answerOf, delayOf, type JobPlan, type OnBusy, TENANTS } from './job-plan.ts';

/** How a conversation goes. `questions`: an agent that asks a person, one task after the other.
 *  The others are double texting: requests that do not wait for the answer before. */
type Talk = 'chat' | 'agent' | 'questions';

/** What happens to a task that has asked: one answer; two at once, of which one must win; or a new task, which drops the
 *  question, and then an answer that comes too late. */
export type Reply = 'one' | 'two' | 'too late';

/** A task of an agent that asks a person. */
export interface QuestionPlan {
  readonly asks: JobPlan;
  readonly reply: Reply;
  readonly answers: readonly JobPlan[];
  /** the thread is copied with its question, and this answers it in the copy; null: it is not copied */
  readonly inCopy: JobPlan | null;
}

/** A copy of a thread, in which the conversation goes on by itself. */
interface CopyPlan {
  readonly atMs: number;
  readonly job: JobPlan;
}

/** A reader of all that happens in a thread. Times count from its first accepted job, milliseconds. */
export interface FollowerPlan {
  readonly joinsMs: number;
  /** null: stays until the last job is over, or the thread is gone */
  readonly leavesMs: number | null;
  readonly from: 'now' | 'beginning';
}

/** One conversation. Times count from its beginning, milliseconds. */
export interface ThreadPlan {
  readonly id: string;
  /** from the start of the run */
  readonly atMs: number;
  readonly tenant: string;
  readonly talk: Talk;
  /** requests, each at its time */
  readonly jobs: readonly JobPlan[];
  /** one after the other */
  readonly questions: readonly QuestionPlan[];
  /** null: it is copied with a question, or not at all */
  readonly copy: CopyPlan | null;
  readonly followers: readonly FollowerPlan[];
  /** it is deleted while it may still be busy */
  readonly isDeleted: boolean;
}

const BETWEEN_THREADS_MS = [1_000, 4_000] as const;
// indexes below belong to jobs without a thread
const FIRST_INDEX = 1_000_000;
const INDEXES_PER_THREAD = 100;
// of the jobs in copies
const FIRST_IN_COPIES = 50;

/** The conversations of a run: the same for the same seed and duration.
 *  @returns in order of time */
export function threadsOf(seed: number, minutes: number): ThreadPlan[] {
  const random = new Random(new Random(seed).seed() + 2);
  const threads: ThreadPlan[] = [];
  for (let atMs = 0; atMs < minutes * 60_000; atMs += random.int(...BETWEEN_THREADS_MS)) {
    threads.push(threadOf(threads.length, atMs, new Random(random.seed())));
  }
  return threads;
}

function threadOf(number: number, atMs: number, random: Random): ThreadPlan {
  const id = `chaos-thread-${String(number).padStart(5, '0')}`;
  const talk = random.pick(['chat', 'agent', 'agent', 'questions'] as const);
  const tenant = random.pick(TENANTS);
  const isDeleted = talk !== 'questions' && random.chance(20);
  const first = FIRST_INDEX + number * INDEXES_PER_THREAD;
  const one = (nth: number, at: number): JobPlan => {
    const plan = { ...answerOf(first + nth, at, new Random(random.seed())), tenant };
    // a repeated request would make a deleted thread anew
    const quiet = isDeleted ? { repeatsMs: [], cancelsMs: null, form: 'stream' as const, visits: [] } : {};
    const place = { threadId: id, onBusy: onBusyOf(random), answer: null };
    return { ...plan, onDisconnect: 'continue', ...quiet, place };
  };
  const rest = { id, atMs, tenant, talk, isDeleted, followers: followersOf(random) };
  if (talk === 'questions') return { ...rest, jobs: [], copy: null, questions: questionsOf(random, one) };
  const of = (nth: number, at: number) => (talk === 'chat' ? one(nth, at) : stepping(one(nth, at), random, null));
  const copies = !isDeleted && random.chance(40);
  const times = timesOf(random);
  const jobs = times.map((at, nth) => {
    const job = { ...of(nth, at), delayMs: delayOf(random) };
    if (isDeleted && nth === times.length - 1) return longer(job);
    // a copy is compared with its original, which must not forget
    return copies && job.place?.onBusy === 'rollback' ? withOnBusy(job, 'interrupt') : job;
  });
  const copy = copies ? { atMs: random.int(0, 8_000), job: inCopy(of(FIRST_IN_COPIES, 0), copyOf(id)) } : null;
  return { ...rest, jobs, questions: [], copy };
}

/** The id of a thread's copy.
 *  @param question the number of the question that it is made with, from 0 */
export function copyOf(threadId: string, question?: number): string {
  return `${threadId}-copy${question === undefined ? '' : `-${question}`}`;
}

/** The job of a copy is not what is being tried: it is asked for once, and answers. */
function inCopy(plan: JobPlan, threadId: string, answer: string | null = null): JobPlan {
  const place = { threadId, onBusy: 'enqueue' as const, answer };
  return { ...plan, temper: 'speaks', repeatsMs: [], cancelsMs: null, place };
}

/** The last job of a thread that is deleted: it shall still run then. */
function longer(plan: JobPlan): JobPlan {
  const task = plan.task === null ? null : { ...plan.task, steps: 6, words: 20 };
  return { ...plan, temper: 'speaks', task, tokens: 250, stepMs: 60, delayMs: null };
}

function followersOf(random: Random): FollowerPlan[] {
  return Array.from({ length: random.int(0, 2) }, () => {
    const joinsMs = random.int(0, 6_000);
    const from = random.pick(['now', 'beginning'] as const);
    return { joinsMs, leavesMs: random.chance(20) ? joinsMs + random.int(0, 8_000) : null, from };
  });
}

/** Some requests come together, others later. */
function timesOf(random: Random): number[] {
  let at = 0;
  return Array.from({ length: random.int(2, 5) }, () => {
    const before = at;
    at += random.chance(30) ? random.int(0, 5) : random.int(50, 3_000);
    return before;
  });
}

function questionsOf(random: Random, one: (nth: number, at: number) => JobPlan): QuestionPlan[] {
  return Array.from({ length: random.int(1, 2) }, (_, nth) => {
    const asks = stepping(withOnBusy({ ...one(nth * 10, 0), cancelsMs: null }, 'enqueue'), random, random.int(0, 2));
    const reply = random.pick(['one', 'two', 'two', 'too late'] as const);
    const answers = Array.from({ length: reply === 'two' ? 2 : 1 }, (__, which): JobPlan => {
      const plan = { ...one(nth * 10 + 1 + which, 0), ...shapeOf(asks), repeatsMs: [] };
      const place = { threadId: asks.place?.threadId ?? '', onBusy: 'enqueue' as const, answer: `answer ${which + 1}` };
      return { ...plan, cancelsMs: null, place };
    });
    const copied = random.chance(30);
    const place = copyOf(asks.place?.threadId ?? '', nth);
    const forCopy = { ...one(FIRST_IN_COPIES + nth, 0), ...shapeOf(asks) };
    return { asks, reply, answers, inCopy: copied ? inCopy(forCopy, place, 'answer in the copy') : null };
  });
}

/** A job that does a task instead. */
function stepping(plan: JobPlan, random: Random, asksAt: number | null): JobPlan {
  const steps = (asksAt ?? 0) + random.int(1, 4);
  const task: Task = { name: String(plan.index), steps, words: random.int(1, 8), asksAt };
  const form = plan.form === 'text' ? 'json' : plan.form;
  return { ...plan, form, temper: 'speaks', onCrash: 'restart', task, stepMs: random.int(5, 60) };
}

function shapeOf({ task, temper, onCrash, stepMs, form }: JobPlan) {
  return { task, temper, onCrash, stepMs, form };
}

function withOnBusy(plan: JobPlan, onBusy: OnBusy): JobPlan {
  return plan.place === null ? plan : { ...plan, place: { ...plan.place, onBusy } };
}

function onBusyOf(random: Random): OnBusy {
  return random.pick(['enqueue', 'enqueue', 'enqueue', 'interrupt', 'rollback', 'reject'] as const);
}
