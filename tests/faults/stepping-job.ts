import type { ModelStep } from '@millrace/simulated-model';
import { judgeReader, type Offence, ResumingReader, type SseEvent } from '@millrace/testing';
import { idOf, type SystemHarness } from '../e2e/system-harness.ts';
import { judgeTask } from '../stepper/judge-task.ts';
import { promptOfTask, StepperModel, saidBefore, type Task } from '../stepper/stepper-model.ts';
import { Store } from './store.ts';

const WORDS = 6;

/** Where the model stops in the middle of what it says, until {@link SteppingJob.goOn}. */
export interface Halt {
  readonly step: number;
  /** the number of the model call for that step, from 1 */
  readonly call: number;
}

export interface SteppingOptions {
  /** steps of its task */
  readonly steps?: number;
  readonly halts?: readonly Halt[];
  readonly threadId?: string;
  /** time between words, milliseconds */
  readonly stepMs?: number;
  /** which node to ask; nginx when left out */
  readonly at?: string;
}

let tasks = 0;

/** A job of the agent in tests/stepper, whose model halts on command. It has two watchers: its creator, and a second reader. */
export class SteppingJob {
  private readonly halted = new Map<string, PromiseWithResolvers<void>>();

  private constructor(
    private readonly system: SystemHarness,
    readonly model: StepperModel,
    readonly id: string,
    readonly watchers: readonly ResumingReader[],
    halted: ReadonlyMap<string, PromiseWithResolvers<void>>,
  ) {
    this.halted = new Map(halted);
  }

  /** POSTs the job, and starts its watchers. */
  static async open(system: SystemHarness, options: SteppingOptions = {}): Promise<SteppingJob> {
    const { steps = 10, halts = [], threadId, stepMs = 2, at = system.url } = options;
    tasks += 1;
    const model = new StepperModel({ name: String(tasks), steps, words: WORDS, asksAt: null });
    const latches = new Map(halts.map((halt) => [keyOf(halt), Promise.withResolvers<void>()]));
    const prompt = promptOfTask(model.task);
    system.model.answer((request) => haltingAt(latches, model.task, model.answer(request)), { to: prompt, stepMs });
    const thread = threadId === undefined ? {} : { threadId };
    const created = await system.ask({ query: prompt, pipeline: 'stepper', ...thread }, { at });
    const id = idOf(created);
    const url = () => `${system.url}/jobs/${id}/stream`;
    const watchers = [created, null].map((first) => system.use(new ResumingReader(url, first)));
    return new SteppingJob(system, model, id, watchers, latches);
  }

  get task(): Task {
    return this.model.task;
  }

  /** settles when every watcher has received the terminal event */
  get over(): Promise<unknown> {
    return Promise.all(this.watchers.map((watcher) => watcher.over));
  }

  /** model calls beyond the one that each step needs */
  get repeatedCalls(): number {
    return this.model.calls.reduce((sum, calls) => sum + calls - 1, 0);
  }

  /** how often its readers were told to discard what they had */
  get resets(): number {
    return this.watchers[0]?.events.filter(({ event }) => event === 'reset').length ?? 0;
  }

  /** Settles when every watcher has the last words before a halt. */
  async untilHalted({ step, call }: Halt): Promise<void> {
    const [last] = saidBefore(this.task, step, call)
      .slice(0, WORDS / 2)
      .slice(-1);
    const heard = ({ event, data }: SseEvent) => event === 'message' && data.text.endsWith(last);
    await Promise.all(this.watchers.map((watcher) => watcher.until(heard)));
  }

  /** Lets the model speak on. */
  goOn(halt: Halt): void {
    this.halted.get(keyOf(halt))?.resolve();
  }

  /** @returns the `started` event of an attempt, as received by the last watcher to get it */
  async started(attempt: number): Promise<SseEvent> {
    const isIt = ({ event, data }: SseEvent) => event === 'started' && data.attempt === attempt;
    const seen = await Promise.all(this.watchers.map((watcher) => watcher.until(isIt)));
    return seen.reduce((latest, event) => (event.at > latest.at ? event : latest));
  }

  /** Judges what both watchers have seen, and what the log holds of each step. */
  async offences(): Promise<Offence[]> {
    using store = new Store(this.system);
    const log = await store.events(this.id);
    const name = `task ${this.task.name} (${this.id})`;
    return [
      ...judgeTask(this.task, log),
      ...this.watchers.flatMap(({ events }, index) => judgeReader({ name: `${name}, watcher ${index}`, events }, log)),
    ];
  }
}

/** The halts of all jobs are over: settles when their watchers have the end. */
export async function allOver(jobs: readonly SteppingJob[]): Promise<void> {
  await Promise.all(jobs.map(({ over }) => over));
}

/** @returns the offences of all jobs; see {@link SteppingJob.offences} */
export async function offencesOfAll(jobs: readonly SteppingJob[]): Promise<Offence[]> {
  return (await Promise.all(jobs.map((job) => job.offences()))).flat();
}

async function* haltingAt(
  halts: ReadonlyMap<string, PromiseWithResolvers<void>>,
  task: Task,
  said: readonly ModelStep[],
): AsyncGenerator<ModelStep> {
  const [, step = 0, call = 0] = String(said[0]).split('.').map(Number);
  const halt = halts.get(keyOf({ step, call }));
  for (const [place, each] of said.entries()) {
    if (place === task.words / 2) await halt?.promise;
    yield each;
  }
}

function keyOf({ step, call }: Halt): string {
  return `${step}.${call}`;
}
