import { idOf, type JobRef, jobRef, type OnBusy, tenantOf, threadRef } from '@millrace/contracts';
import { isFinished, type JobEraser, type JobReader } from '@millrace/stream-log';
import { type Entered, ThreadBeingMade, type Threads } from '@millrace/threads';
import { Inject, Injectable } from '@nestjs/common';
import { NotInterrupted, ThreadBusy, ThreadMovedOn, ThreadNotFound, Unavailable } from '../../http/problem.ts';
import { JOB_ERASER, JOB_READER, THREADS } from '../../tokens.ts';
import { Cancellation } from './cancellation.ts';
import { ThreadExit } from './thread-exit.ts';

/** A recorded job that belongs to a thread. */
export interface EnteringJob {
  readonly ref: JobRef;
  readonly threadId: string;
  readonly onBusy: OnBusy;
  /** whether it answers the interrupt of the thread */
  readonly resumes: boolean;
  /** digest of the questions that it answers; left out: whichever are open */
  readonly answers?: string | undefined;
  /** the job that must be the last in the thread; null: whichever is */
  readonly continues?: string | null;
  /** it was announced to the thread, and enters after its delay */
  readonly wasExpected?: boolean;
}

/** Gives a job its place in its thread: the thread decides in one step whether it runs, waits or is refused (law 17). */
@Injectable()
export class ThreadEntry {
  constructor(
    @Inject(THREADS) private readonly threads: Threads,
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(JOB_ERASER) private readonly eraser: JobEraser,
    @Inject(Cancellation) private readonly cancellation: Cancellation,
    @Inject(ThreadExit) private readonly exit: ThreadExit,
  ) {}

  /** May be repeated: a job that has its place keeps it.
   *  @returns whether the job is to be queued now; if it waits, whoever ends the job before it queues it
   *  @throws ThreadBusy, ThreadMovedOn, NotInterrupted, ThreadNotFound the job has no place: it is to be erased
   *  @throws JobErased */
  async enter(job: EnteringJob): Promise<boolean> {
    const { ref, threadId } = job;
    const asked = await this.#ask(job);
    const entry =
      isUnsure(asked) && (await this.exit.settle(threadRef(tenantOf(ref), threadId))) ? await this.#ask(job) : asked;
    switch (entry.kind) {
      case 'busy':
        throw new ThreadBusy();
      case 'not-interrupted':
        throw new NotInterrupted();
      case 'unknown-thread':
        throw new ThreadNotFound();
      case 'moved-on':
        throw new ThreadMovedOn();
      case 'over':
        return false;
    }
    await this.#notePlaced(job);
    if (entry.kind === 'cancel-first') await this.makeWay(jobRef(tenantOf(ref), entry.jobId), threadId);
    return entry.kind === 'run';
  }

  /** Tells the thread of a job that enters it after its delay. May be repeated.
   *  @throws ThreadBeingMade the job has no place: it is to be erased
   *  @throws JobErased */
  async announce(job: Pick<EnteringJob, 'ref' | 'threadId'>): Promise<void> {
    const { ref, threadId } = job;
    await this.threads.expect(threadRef(tenantOf(ref), threadId), idOf(ref));
    await this.#notePlaced(job);
  }

  async #notePlaced({ ref, threadId }: Pick<EnteringJob, 'ref' | 'threadId'>): Promise<void> {
    if (await this.eraser.notePlaced(ref)) return;
    await this.exit.leaveIfEnded(ref, threadId);
    throw new JobErased();
  }

  async #ask({
    ref,
    threadId,
    onBusy,
    resumes,
    answers,
    continues,
    wasExpected = false,
  }: EnteringJob): Promise<Entered> {
    const entry = {
      ...{ ref: threadRef(tenantOf(ref), threadId), jobId: idOf(ref), onBusy },
      ...{ kind: resumes ? ('resume' as const) : ('message' as const), answers, wasExpected },
      continues: continues ?? undefined,
    };
    const entered = await this.threads.enter(entry);
    if (entered.kind !== 'over' || wasExpected) return entered;
    // a thread remembers ids for longer than their records are kept
    const job = await this.reader.outline(ref);
    const hasRun = job === null || job.attempt > 0 || isFinished(job.status);
    return hasRun ? entered : this.threads.enter({ ...entry, isAnew: true });
  }

  /** Cancels the job of a thread that another one replaces, which is queued then. */
  async makeWay(ref: JobRef, threadId: string): Promise<void> {
    const { kind } = await this.cancellation.cancel(ref, 'thread');
    // it ended by itself, or is gone, and whoever ended it may not have told the thread
    if (kind !== 'cancelled') await this.exit.leaveIfEnded(ref, threadId);
  }
}

/** The job was erased while it entered: its thread was deleted, or another request with its id was refused. The request may make
 *  it again. */
export class JobErased extends Unavailable {}

/** Whether the refusal may be due to a job that has just ended: its client may know before its thread does. */
function isUnsure({ kind }: Entered): boolean {
  return kind === 'busy' || kind === 'not-interrupted';
}

const REFUSALS = [ThreadBusy, ThreadMovedOn, NotInterrupted, ThreadNotFound, ThreadBeingMade];

/** Whether the thread has refused a job: it has no place, and nothing of it may stay. */
export function isRefusal(error: unknown): boolean {
  return REFUSALS.some((refusal) => error instanceof refusal);
}
