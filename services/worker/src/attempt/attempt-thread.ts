import { idOf, type Message, type StreamEvent } from '@millrace/contracts';
import type { AttemptWriter } from '@millrace/stream-log';
import type { AttemptLease, CheckpointPlace, Head } from '@millrace/threads';
import type { PipelineThread } from '../pipelines/definition/pipeline.ts';
import { SaidAgain } from '../pipelines/definition/said-again.ts';
import type { Progress } from './progress.ts';

/** A message of a thread, as readers of its state see it. */
export type ConversationMessage = Message & { readonly messageId: string };

/** A thread that an attempt has claimed. */
export interface ClaimedThread {
  readonly lease: AttemptLease;
  /** where an agent's thread stands, if this job may have moved it; otherwise null */
  readonly head: Head | null;
  /** what was said in it before this job, oldest first */
  messages(): Promise<readonly Message[]>;
  /** What it holds, with what this job was asked, for a request that wants to see it; null: it does not, or an agent's state
   *  says it. */
  readonly conversation: (() => Promise<readonly ConversationMessage[]>) | null;
  /** where it stands by now */
  headNow(): Promise<Head | null>;
  /** Reads what a head covers of this job's log, page by page.
   *  @throws LogLost before the first page if the log lacks any of it */
  keptBy(head: Head): AsyncGenerator<readonly StreamEvent[], void, undefined>;
  /** Moves it back to where it stood before this job.
   *  @throws AttemptFenced */
  rewind(): Promise<void>;
}

/** Stands in a checkpoint of which it is not known what of the log it covers. */
export const UNKNOWN_SEQ = -1;

interface Ports {
  readonly writer: Pick<AttemptWriter, 'ref' | 'flush' | 'storedSeq'>;
  readonly progress: Progress;
  /** of the attempt */
  readonly signal: AbortSignal;
  readonly draining: AbortSignal;
}

/** A thread as the running attempt shows it to its pipeline. */
export class AttemptThread implements PipelineThread {
  readonly saidAgain = new SaidAgain();
  readonly draining: AbortSignal;
  #head: Head | null;
  #baseSeq = 0;
  #isOvertaken = false;

  constructor(
    readonly claimed: ClaimedThread,
    readonly ports: Ports,
  ) {
    this.#head = claimed.head;
    this.draining = ports.draining;
  }

  get lease(): AttemptLease {
    return this.claimed.lease;
  }

  /** where it stands, if this job has moved it there; otherwise null */
  get ownHead(): Head | null {
    return this.goesOn ? this.#head : null;
  }

  get goesOn(): boolean {
    return this.#head?.origin?.job === idOf(this.ports.writer.ref);
  }

  messages(): Promise<readonly Message[]> {
    return this.claimed.messages();
  }

  /** @returns what the thread holds, for a request that wants to see it; otherwise nothing */
  async shown(): Promise<readonly ConversationMessage[]> {
    return (await this.claimed.conversation?.()) ?? [];
  }

  /** The pipeline is about to start: what the log holds by now belongs before its first step. */
  async starts(): Promise<void> {
    await this.ports.writer.flush();
    this.#baseSeq = this.ports.writer.storedSeq;
  }

  /** The pipeline is about to start again, having said nothing: it may have moved the thread. */
  async restarts(): Promise<void> {
    this.#head = await this.claimed.headNow();
  }

  /** Moves the thread back to where it stood before this job, which then starts with its input. */
  async rewind(): Promise<void> {
    await this.claimed.rewind();
    this.#head = null;
  }

  async flushed({ namespace, source }: CheckpointPlace): Promise<number> {
    const { writer, progress, signal } = this.ports;
    signal.throwIfAborted();
    if (namespace !== '') return writer.storedSeq;
    // LangGraph does not wait for these: the first step may be talking already
    if (source !== 'loop') return this.#baseSeq;
    await progress.settled(signal);
    await writer.flush();
    return this.#isOvertaken ? UNKNOWN_SEQ : writer.storedSeq;
  }

  overtaken(): void {
    this.#isOvertaken = true;
  }
}
