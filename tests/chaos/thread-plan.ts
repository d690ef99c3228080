import { Random } from '@millrace/testing';
import type { Task } from '../stepper/stepper-model.ts';
import { answerOf, type JobPlan, type OnBusy, TENANTS } from './job-plan.ts';

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
  /** when to copy it */
  readonly forksMs: number | null;
  /** it is deleted while it may still be busy */
  readonly isDeleted: boolean;
}

const BETWEEN_THREADS_MS = [1_000, 4_000] as const;
// indexes below belong to jobs without a thread
const FIRST_INDEX = 1_000_000;
const INDEXES_PER_THREAD = 100;

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
  const rest = { id, atMs, tenant, talk, isDeleted };
  if (talk === 'questions') return { ...rest, jobs: [], forksMs: null, questions: questionsOf(random, one) };
  const forks = !isDeleted && random.chance(30);
  const jobs = timesOf(random).map((at, nth) => {
    const job = talk === 'chat' ? one(nth, at) : stepping(one(nth, at), random, null);
    // a copy is compared with its original, which must not forget
    return forks && job.place?.onBusy === 'rollback' ? withOnBusy(job, 'interrupt') : job;
  });
  return { ...rest, jobs, questions: [], forksMs: forks ? random.int(0, 8_000) : null };
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
    return { asks, reply, answers };
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
