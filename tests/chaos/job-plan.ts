import { Random } from '@millrace/testing';
import type { Task } from '../stepper/stepper-model.ts';

/** How the model answers each call:
 *  `speaks`, `refuses once` (429, then speaks), `refuses` (429), `resets` or `garbles` mid-stream, `falls silent`. */
export type Temper = 'speaks' | 'refuses once' | 'refuses' | 'resets' | 'garbles' | 'falls silent';

/** What the creator asks for: the stream, bare text, the job at once, or the finished job. */
type Form = 'stream' | 'text' | 'json' | 'wait';

/** A watcher of a job. Times count from the job's acceptance, milliseconds. */
export interface Visit {
  readonly joinsMs: number;
  /** null: stays until the end */
  readonly leavesMs: number | null;
}

/** Everything to do with one job. Times count from its acceptance unless noted, milliseconds. */
export interface JobPlan {
  readonly index: number;
  /** when to create it, from the start of the run, milliseconds */
  readonly atMs: number;
  readonly tenant: string;
  /** the key that identifies a repeated request */
  readonly identity: 'request id' | 'idempotency key';
  readonly form: Form;
  readonly onDisconnect: 'continue' | 'cancel';
  readonly onCrash: 'restart' | 'fail';
  readonly temper: Temper;
  /** tokens of a whole answer */
  readonly tokens: number;
  /** time between tokens, milliseconds */
  readonly stepMs: number;
  /** when the creator leaves, if it reads a stream */
  readonly leavesMs: number | null;
  readonly visits: readonly Visit[];
  /** when to send the request again */
  readonly repeatsMs: readonly number[];
  readonly cancelsMs: number | null;
  /** it may not start sooner after its acceptance, milliseconds; null: it may start at once */
  readonly delayMs: number | null;
  /** what the agent does; null: the pipeline `chat` answers */
  readonly task: Task | null;
  readonly place: ThreadPlace | null;
}

/** A job's place in a thread. */
interface ThreadPlace {
  readonly threadId: string;
  readonly onBusy: OnBusy;
  /** it answers the question that the task asks, with this; null: it begins the task */
  readonly answer: string | null;
}

export type OnBusy = 'enqueue' | 'reject' | 'interrupt' | 'rollback';

/** The callers. */
export const TENANTS = ['red', 'green', 'blue'] as const;

const BETWEEN_JOBS_MS = [100, 600] as const;
const AGENTS_PERCENT = 15;
const DELAYED_PERCENT = 10;
const DELAY_MS = [100, 4_000] as const;

/** The load of a run: the same for the same seed and duration.
 *  @returns in order of time */
export function loadOf(seed: number, minutes: number): JobPlan[] {
  // a separate sequence: the faults of the run use the seed itself
  const random = new Random(new Random(seed).seed() + 1);
  const jobs: JobPlan[] = [];
  for (let atMs = 0; atMs < minutes * 60_000; atMs += random.int(...BETWEEN_JOBS_MS)) {
    jobs.push(jobOf(jobs.length, atMs, new Random(random.seed())));
  }
  return jobs;
}

/** A job without a thread. */
function jobOf(index: number, atMs: number, random: Random): JobPlan {
  const plan = { ...answerOf(index, atMs, random), delayMs: delayOf(random) };
  if (!random.chance(AGENTS_PERCENT)) return plan;
  const task: Task = { name: String(index), steps: random.int(1, 6), words: random.int(1, 8), asksAt: null };
  const form = random.pick(['stream', 'stream', 'json', 'wait'] as const);
  // what follows a failed model is the agent's own affair
  return { ...plan, form, temper: 'speaks', onCrash: 'restart', task, stepMs: random.int(5, 60) };
}

/** A plain answer. */
export function answerOf(index: number, atMs: number, random: Random): JobPlan {
  const long = random.chance(40);
  const tokens = long ? random.int(100, 250) : random.int(1, 30);
  const stepMs = long ? random.int(20, 60) : random.int(5, 30);
  const moment = () => random.int(0, Math.ceil(tokens * stepMs * 1.2));
  const often = (percent: number) => (random.chance(percent) ? moment() : null);
  return {
    index,
    atMs,
    tenant: random.pick(TENANTS),
    identity: random.chance(50) ? 'request id' : 'idempotency key',
    form: random.pick(['stream', 'stream', 'stream', 'text', 'json', 'wait']),
    onDisconnect: random.chance(10) ? 'cancel' : 'continue',
    onCrash: random.chance(10) ? 'fail' : 'restart',
    temper: temperOf(random),
    tokens,
    stepMs,
    leavesMs: often(10),
    visits: Array.from({ length: random.int(0, 3) }, () => visit(moment(), often(30))),
    repeatsMs: random.chance(15) ? Array.from({ length: random.int(1, 3) }, moment) : [],
    cancelsMs: often(15),
    delayMs: null,
    task: null,
    place: null,
  };
}

/** A delay for some jobs, null for the others. */
export function delayOf(random: Random): number | null {
  return random.chance(DELAYED_PERCENT) ? random.int(...DELAY_MS) : null;
}

function visit(joinsMs: number, staysMs: number | null): Visit {
  return { joinsMs, leavesMs: staysMs === null ? null : joinsMs + staysMs };
}

function temperOf(random: Random): Temper {
  if (random.chance(85)) return 'speaks';
  return random.pick(['refuses once', 'refuses once', 'refuses', 'resets', 'garbles', 'falls silent']);
}
