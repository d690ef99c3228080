import {
  type AttemptHook,
  type AttemptOutcome,
  type AttemptUsage,
  idOf,
  type JobError,
  type JobRef,
  type ModelPrices,
  type ThreadRef,
  tenantOf,
} from '@millrace/contracts';
import {
  AttemptFenced,
  type AttemptStarter,
  type Begun,
  type FairQueue,
  JobClosed,
  LogLost,
  type TenantSlots,
  UNREADABLE,
  type UsageLedger,
  usageOfAttempt,
} from '@millrace/stream-log';
import { aroundAttempt } from './around-attempt.ts';
import { Attempt, type AttemptPorts } from './attempt.ts';
import { WorkerStopping } from './attempt-errors.ts';
import type { ClaimedThread } from './attempt-thread.ts';
import { currentAttempt } from './current-attempt.ts';
import { giveBack } from './give-back.ts';
import { type JobThreads, threadOf } from './job-threads.ts';

/** Why a worker stops: by order, or because something has gone wrong in it. */
export type StopReason = WorkerStopping['reason'];

export interface JobRunnerPorts extends AttemptPorts {
  readonly hooks: readonly AttemptHook[];
  readonly starter: Pick<AttemptStarter, 'begin' | 'fail'>;
  readonly fairQueue: Pick<FairQueue, 'markStarted' | 'markReleased' | 'retire' | 'freeSlot'>;
  readonly slots: Pick<TenantSlots, 'pickUp'>;
  readonly threads: Pick<JobThreads, 'enter' | 'claim' | 'leave'>;
  readonly ledger: Pick<UsageLedger, 'meter' | 'reserve'>;
  readonly prices: ModelPrices;
}

type Begin = Extract<Begun, { kind: 'begun' }>;

/** How an attempt has ended, and what it has used. */
interface Ended {
  readonly outcome: AttemptOutcome;
  /** null when nobody knows of anything */
  readonly usage: AttemptUsage | null;
}

interface Waiting {
  readonly kind: 'waits';
  readonly thread: ThreadRef;
}

/** Why a job does not begin. */
type Skipped =
  | Exclude<Begun, { kind: 'begun' | 'in-thread' | 'refused' | 'alone' }>
  | (Extract<Begun, { kind: 'refused' }> & { readonly thread: ThreadRef });

/** The result of picking up a queue entry. */
export type PickUpResult =
  | { readonly outcome: AttemptOutcome }
  /** the tenant runs `maxSlots` jobs, its maximum: park the job once its queue entry is gone */
  | { readonly outcome: 'parked'; readonly maxSlots: number }
  /** another job of its thread runs: the thread names it when its turn comes, unless that was while the queue entry was there */
  | { readonly outcome: 'waiting'; readonly thread: ThreadRef }
  /** its thread is in a shard that does not answer: it is to be tried again later, without its slot */
  | { readonly outcome: 'away' };

/** The job may be what ends its workers: it is to run in a process of its own. */
interface Alone {
  readonly outcome: 'alone';
}

const NO_USAGE: AttemptUsage = { inputTokens: 0, outputTokens: 0 };

const UNCLAIMED = {
  'not-active': { code: 'INTERNAL', message: 'The thread of the job is gone.', retryable: true },
  'too-large': {
    code: 'MODEL_ERROR',
    message:
      'The conversation of the thread would be larger than it may (MILLRACE_MAX_CONVERSATION_BYTES): go on in another thread.',
    retryable: false,
  },
  unreadable: { code: 'INTERNAL', message: 'What is stored of the thread cannot be decrypted.', retryable: false },
} as const;

/** Why a job must not run again, as its caller is told. */
const REFUSALS: Readonly<Record<Extract<Begun, { kind: 'refused' }>['reason'], JobError>> = {
  'has-output': {
    code: 'WORKER_LOST',
    message: 'The worker was lost after the answer had begun, and the job asked to fail in that case.',
    retryable: true,
  },
  'too-many-attempts': {
    code: 'WORKER_LOST',
    message: 'The job has lost its worker too many times.',
    retryable: true,
  },
  unreadable: UNREADABLE,
};

/** Runs jobs, from the pick-up of a queue entry to its end. Knows neither the queue nor LangChain. */
export class JobRunner {
  /** per job, the attempt that runs in this process */
  readonly #attempts = new Map<JobRef, Attempt>();
  #draining: WorkerStopping | null = null;

  constructor(readonly ports: JobRunnerPorts) {}

  /** What runs in this process. */
  get attempts(): Iterable<Attempt> {
    return this.#attempts.values();
  }

  /** The worker is about to stop: agents move to another one at their next checkpoint. */
  drain(reason: StopReason): void {
    this.#draining = new WorkerStopping(reason);
    for (const attempt of this.#attempts.values()) attempt.drain(this.#draining);
  }

  /** Ends the attempt whose code threw where nobody could catch it.
   *  @returns false: it was the code of no attempt that runs here */
  blame(error: unknown, origin: string): boolean {
    const attempt = currentAttempt.getStore();
    if (attempt === undefined || this.#attempts.get(attempt.ref) !== attempt) return false;
    this.ports.logger.error({ ...this.accused(), err: error, origin }, 'uncaught error of a job');
    attempt.crash(error);
    return true;
  }

  /** For the log: the job on whose behalf the code runs that calls this; empty if that is not known. */
  accused(): object {
    const attempt = currentAttempt.getStore();
    if (attempt === undefined) return {};
    const { ref, begun } = attempt;
    return { requestId: idOf(ref), tenant: tenantOf(ref), attempt: begun.attempt };
  }

  /** @param ref the whole content of a queue entry (law 15)
   *  @param leaseToken unique per pick-up
   *  @param stopping aborts when the worker shuts down and the job must continue elsewhere
   *  @param isAlone whether this process runs nothing else
   *  @throws only unexpected errors */
  async run(
    ref: JobRef,
    leaseToken: string,
    stopping: AbortSignal,
    { isAlone = false } = {},
  ): Promise<PickUpResult | Alone> {
    const { metrics, slots } = this.ports;
    const slot = await slots.pickUp(ref);
    if (slot.kind === 'full') {
      metrics.jobs.inc({ outcome: 'parked' });
      return { outcome: 'parked', maxSlots: slot.maxSlots };
    }
    const begun = await this.#begin(ref, leaseToken, isAlone);
    if (begun.kind === 'away') {
      this.#hint(this.ports.fairQueue.freeSlot(ref));
      return { outcome: begun.kind };
    }
    if (begun.kind === 'alone') return { outcome: begun.kind };
    if (begun.kind === 'waits') {
      this.#hint(this.ports.fairQueue.freeSlot(ref));
      metrics.jobs.inc({ outcome: 'waiting' });
      return { outcome: 'waiting', thread: begun.thread };
    }
    metrics.activeJobs.inc();
    try {
      const outcome =
        begun.kind === 'begun' ? await this.#start(ref, begun, { leaseToken, stopping }) : await this.#skip(ref, begun);
      metrics.jobs.inc({ outcome });
      return { outcome };
    } finally {
      metrics.activeJobs.dec();
    }
  }

  /** Begins the next attempt, unless the job's thread has it wait. */
  async #begin(
    ref: JobRef,
    leaseToken: string,
    isAlone: boolean,
  ): Promise<Begin | Waiting | Skipped | Extract<Begun, { kind: 'alone' }> | { readonly kind: 'away' }> {
    const { starter, threads } = this.ports;
    let begun = await starter.begin(ref, leaseToken, { isAlone });
    let threadId: string | undefined;
    if (begun.kind === 'in-thread') {
      const place = await threads.enter(ref, begun.request);
      if (place === 'ended' || place === 'away') return { kind: place };
      if (place === 'waits') return { kind: place, thread: threadOf(ref, begun.request) };
      threadId = begun.request.threadId;
      begun = await starter.begin(ref, leaseToken, { isNext: true, isAlone });
    }
    if (begun.kind === 'in-thread') throw new TypeError('begin.lua asked for the thread twice');
    return begun.kind === 'refused' ? { ...begun, thread: threadOf(ref, { threadId }) } : begun;
  }

  async #start(
    ref: JobRef,
    begun: Begin,
    { leaseToken, stopping }: { leaseToken: string; stopping: AbortSignal },
  ): Promise<AttemptOutcome> {
    const { threads, pipelines } = this.ports;
    const isAgent = pipelines.find(begun.request.pipeline)?.kind === 'agent';
    if (begun.request.threadId === undefined && !isAgent) {
      const ended = await this.#attempt(ref, begun, stopping, null);
      this.#settle(ref, begun, ended);
      return ended.outcome;
    }
    const thread = threadOf(ref, begun.request);
    const claimed = await threads.claim(ref, begun, leaseToken);
    const ended: Ended =
      typeof claimed === 'string'
        ? { outcome: await this.#unclaimed(begun, claimed), usage: null }
        : await this.#attempt(ref, begun, stopping, claimed);
    const { outcome } = ended;
    // a cancel leaves by itself, but whoever made it knows nothing of a private thread
    const isPrivate = begun.request.threadId === undefined;
    if (outcome === 'completed' || outcome === 'failed' || (isPrivate && outcome === 'cancelled')) {
      await threads.leave(ref, thread, { isPrivate });
    }
    this.#settle(ref, begun, ended);
    return outcome;
  }

  async #attempt(ref: JobRef, begun: Begin, stopping: AbortSignal, thread: ClaimedThread | null): Promise<Ended> {
    const { fairQueue, hooks } = this.ports;
    const logger = this.ports.logger.child({ requestId: idOf(ref), tenant: tenantOf(ref), attempt: begun.attempt });
    const attempt = new Attempt(ref, begun, { ...this.ports, logger }, thread);
    this.#hint(fairQueue.markStarted(ref));
    this.ports.metrics.began(begun.reason);
    if (begun.attempt > 1) this.ports.metrics.tookOver(attempt.info);
    if (this.#draining !== null) attempt.drain(this.#draining);
    const stop = () => attempt.stop(this.#draining ?? new WorkerStopping());
    // this worker lost the job and picked it up again: the cancel listener knows only the newer attempt
    this.#attempts.get(ref)?.stop(new AttemptFenced(ref));
    this.#attempts.set(ref, attempt);
    if (stopping.aborted) stop();
    stopping.addEventListener('abort', stop, { once: true });
    try {
      const { outcome } = await aroundAttempt({
        hooks,
        attempt: attempt.info,
        run: () => currentAttempt.run(attempt, () => attempt.run()),
        onHookError: (error) => logger.warn({ err: error }, 'attempt hook failed'),
      });
      return { outcome, usage: attempt.usage };
    } finally {
      stopping.removeEventListener('abort', stop);
      if (this.#attempts.get(ref) === attempt) this.#attempts.delete(ref);
    }
  }

  /** Ends an attempt that did not get its thread, unless a cancel or a newer attempt is the reason. */
  async #unclaimed({ writer }: Begin, reason: keyof typeof UNCLAIMED): Promise<AttemptOutcome> {
    try {
      await writer.fail(UNCLAIMED[reason]);
      return 'failed';
    } catch (error) {
      if (error instanceof AttemptFenced) return 'fenced';
      if (error instanceof JobClosed) return 'void';
      if (!(error instanceof LogLost)) throw error;
      // it is still to be ended: by the next attempt
      return giveBack(writer, 'log-lost');
    }
  }

  /** Tells the registry how an attempt has ended, and the ledger what it has used. */
  #settle(ref: JobRef, { writer, attempt, request }: Begin, { outcome, usage }: Ended): void {
    const { fairQueue, ledger, prices } = this.ports;
    const { model } = request;
    const attempts = { [attempt]: usageOfAttempt(usage ?? NO_USAGE, { model, prices }) };
    if (outcome !== 'handed-over' && outcome !== 'log-lost' && outcome !== 'fenced') {
      this.#hint(fairQueue.retire({ ref, keptBytes: writer.keptBytes, usage: { total: attempt, attempts } }));
      return;
    }
    if (outcome !== 'fenced') this.#hint(fairQueue.markReleased(ref));
    this.#hint(ledger.meter(ref, { attempts }));
  }

  /** The registry is a hint beside the record: nothing waits for it, and the API's sweep repairs it. */
  #hint(written: Promise<void>): void {
    written.catch((error: unknown) => this.ports.logger.debug({ err: error }, 'registry not updated'));
  }

  async #skip(ref: JobRef, begun: Skipped): Promise<AttemptOutcome> {
    const { fairQueue, starter, threads } = this.ports;
    const logger = this.ports.logger.child({ requestId: idOf(ref), tenant: tenantOf(ref) });
    if (begun.kind !== 'refused') {
      this.#hint(fairQueue.freeSlot(ref));
      logger.info({ reason: begun.kind }, 'nothing to do');
      return 'void';
    }
    const error = REFUSALS[begun.reason];
    const keptBytes = await starter.fail(ref, error);
    if (keptBytes !== null) await threads.leave(ref, begun.thread);
    this.#hint(fairQueue.retire({ ref, keptBytes }));
    logger.warn({ reason: begun.reason, code: error.code }, 'failed');
    return keptBytes === null ? 'void' : 'failed';
  }
}
