import type { AttemptUsage, Interrupt, JobError, JobRef, StreamEvent, StreamEventData } from '@millrace/contracts';
import type { Sealer } from '../encryption/content-cipher.ts';
import { AttemptFenced, JobClosed, LogLimitExceeded, LogLost, LogWriteFailed, type StreamLogError } from '../errors.ts';
import { type Closing, closeJob, sealedClosing } from '../log/close-job.ts';
import { sealPairs } from '../log/job-contents.ts';
import type { JobScripts } from '../log/job-scripts.ts';
import { retryWhileUnavailable } from '../redis/retry-while-unavailable.ts';
import type { WriteGate } from '../redis/write-gate.ts';
import { PendingEvents } from './pending-events.ts';

/** A model that is faster than Redis waits at this many buffered UTF-16 units. */
const HIGH_WATER_UNITS = 262_144;

/** The share of a job's time to live after which an append renews it: renewing with each would cost a tenth of the script. */
const RENEWAL_SHARE = 0.01;

/** Replies of append.lua, and outcomes of close.lua, that refuse. */
const REFUSALS = new Map<unknown, new (ref: JobRef) => StreamLogError>([
  [-1, AttemptFenced],
  [-2, JobClosed],
  [-3, LogLost],
  [-4, LogLimitExceeded],
  ['fenced', AttemptFenced],
  ['ended', JobClosed],
  ['lost', LogLost],
]);

export interface AttemptWriterOptions extends JobScripts {
  readonly ref: JobRef;
  readonly leaseToken: string;
  readonly attempt: number;
  /** of the last event that begin.lua stored */
  readonly seq: number;
  /** that of the process */
  readonly gate: WriteGate;
  /** null: nothing is encrypted */
  readonly sealer?: Sealer | null;
}

/** What a completed job leaves beside its log. */
export interface Completion {
  /** of this attempt alone; as in the event if left out */
  readonly usage?: AttemptUsage;
  /** any JSON; absent without any */
  readonly output?: unknown;
  /** the questions that it ends with */
  readonly interrupts?: readonly Interrupt[];
}

/** Writes one attempt's events. Events of one tick are appended at its end; while one append is in flight, what
 *  comes meanwhile is merged and goes with the next: one Redis round trip bounds the delay. Where the gate is told to hold, an
 *  append of a busy process also waits to share a write with those of other jobs; the first one of an attempt never does.
 *
 *  Every append carries the seq of its first event, so that sending it twice stores it once (law 4), and the next
 *  append notices a log that has lost something instead of writing on past the hole. */
export class AttemptWriter {
  readonly ref: JobRef;
  readonly attempt: number;
  /** Aborted, with an error of errors.ts as its reason, once nothing more can be written. */
  readonly signal: AbortSignal;
  readonly #options: AttemptWriterOptions;
  readonly #keys: readonly string[];
  readonly #abort = new AbortController();
  readonly #pending = new PendingEvents();
  #seq: number;
  #renewedAt = Number.NEGATIVE_INFINITY;
  #keptBytes: number | null = null;
  #closing = false;
  #storing = false;
  #allStored: PromiseWithResolvers<void> | null = null;
  #roomMade: PromiseWithResolvers<void> | null = null;

  constructor(options: AttemptWriterOptions) {
    this.#options = options;
    this.#keys = options.keys.ofJob(options.ref);
    this.ref = options.ref;
    this.attempt = options.attempt;
    this.#seq = options.seq;
    this.signal = this.#abort.signal;
  }

  /** of the last event that Redis has stored: it grows for as long as this attempt owns the job */
  get storedSeq(): number {
    return this.#seq;
  }

  /** what the job keeps in Redis once this attempt has ended it, bytes; null until then */
  get keptBytes(): number | null {
    return this.#keptBytes;
  }

  /** Queues an event to be stored. After the signal is aborted it does nothing.
   *  @throws TypeError the event's data cannot be written as JSON, or its text is not a string */
  emit(event: StreamEvent): void {
    if (this.signal.aborted) return;
    this.#pending.add(event);
    if (this.#storing) return;
    this.#storing = true;
    // a short answer that comes in one read is one append. It is no later for that: the connection writes at the end of
    // the tick
    process.nextTick(() => this.#storeOrRest());
  }

  /** Resolves as soon as little enough waits to be stored. Never rejects.
   *  @returns null in the usual case: there is room */
  drained(): Promise<void> | null {
    if (this.#pending.units < HIGH_WATER_UNITS || this.signal.aborted) return null;
    this.#roomMade ??= Promise.withResolvers();
    return this.#roomMade.promise;
  }

  /** Resolves when all that was emitted is stored.
   *  @throws the signal's reason once nothing more can be written */
  async flush(): Promise<void> {
    await this.#idle();
    this.signal.throwIfAborted();
  }

  /** Completes the job, after all that was emitted is stored.
   *  @throws StreamLogError somebody else owns or ended the job; LogLimitExceeded the output alone is larger than a log */
  async done(data: StreamEventData['done'], completion: Completion = {}): Promise<void> {
    const { usage = data.usage, output, interrupts = [] } = completion;
    await this.flush();
    const fields = ['usage', JSON.stringify(data.usage)];
    if (interrupts.length > 0) fields.push('interrupts', JSON.stringify(interrupts));
    if (output !== undefined) {
      const json = JSON.stringify(output);
      if (Buffer.byteLength(json) > this.#options.limits.maxBytes) throw new LogLimitExceeded(this.ref);
      fields.push('output', json);
    }
    await this.#close({ status: 'completed', event: { type: 'done', data }, fields }, usage);
  }

  /** Ends the job with an error. What was emitted before stays in the log, as far as it fits.
   *  @param usage of this attempt; null when it is not known
   *  @throws StreamLogError somebody else owns or ended the job */
  async fail(error: JobError, usage: AttemptUsage | null = null): Promise<void> {
    await this.#idle();
    const reason: unknown = this.signal.reason;
    if (reason !== undefined && !(reason instanceof LogLimitExceeded)) throw reason;
    const fields = ['error', JSON.stringify(error)];
    await this.#close({ status: 'failed', event: { type: 'error', data: error }, fields }, usage);
  }

  /** Gives the job back, so that the next attempt starts the answer afresh. Keeps the attempt's usage in any case.
   *  @param reason `worker-lost` counts as a loss of its worker
   *  @param usage of this attempt; null when it is not known
   *  @returns `fenced`: a newer attempt owns the job; `ended`: it has ended, or its record is gone */
  async release(
    reason: 'handover' | 'log-lost' | 'worker-lost',
    usage: AttemptUsage | null = null,
  ): Promise<'released' | 'fenced' | 'ended'> {
    const { run, keys, limits, leaseToken } = this.#options;
    this.abort(new AttemptFenced(this.ref));
    await this.#idle();
    const used = usage === null ? '' : JSON.stringify(usage);
    const args = [this.attempt, leaseToken, reason, used, limits.unfinishedRetentionMs];
    const recordAndLog = [keys.record(this.ref), keys.log(this.ref)];
    const reply = await retryWhileUnavailable(() => run('release', recordAndLog, args));
    if (reply === 1) return 'released';
    return reply === -1 ? 'fenced' : 'ended';
  }

  /** Keeps the usage of an attempt that can neither close nor release its job: it was cancelled or superseded. */
  async recordUsage(usage: AttemptUsage): Promise<void> {
    const { run, keys } = this.#options;
    const args = [this.attempt, JSON.stringify(usage)];
    await retryWhileUnavailable(() => run('usage', [keys.record(this.ref)], args));
  }

  /** Stops the writer from outside: the cancel listener has learnt that its job was cancelled or taken over. */
  abort(reason: StreamLogError): void {
    // a closing attempt waits for the script's reply: what others saw of the record may be its own end
    if (!this.#closing) this.#end(reason);
  }

  #end(reason: StreamLogError): void {
    if (this.signal.aborted) return;
    this.#abort.abort(reason);
    this.#pending.clear();
    this.#roomMade?.resolve();
  }

  /** Resolves when nothing is in flight to Redis and nothing waits for it. Never rejects. */
  async #idle(): Promise<void> {
    while (this.#storing) {
      this.#allStored ??= Promise.withResolvers();
      await this.#allStored.promise;
    }
  }

  /** Stores what waits. By callbacks, not by an async function for each step: every token takes this path. */
  readonly #store = (): void => {
    // an abort came first
    if (this.#pending.empty) {
      this.#rest();
      return;
    }
    const pairs = this.#pending.nextBatch();
    const { sealer } = this.#options;
    if (sealer) sealPairs(sealer, pairs, this.attempt, this.#seq);
    const tried = this.#append(pairs);
    tried.then(
      (reply) => this.#stored(pairs, reply),
      () => this.#retryAppend(pairs, tried),
    );
  };

  /** Never rejects: what goes wrong is in the signal. */
  async #retryAppend(pairs: readonly string[], tried: Promise<unknown>): Promise<void> {
    let reply: unknown;
    try {
      reply = await retryWhileUnavailable(
        () => this.#append(pairs),
        () => this.signal.aborted,
        tried,
      );
    } catch (error) {
      this.#end(new LogWriteFailed(this.ref, error));
    }
    this.#stored(pairs, reply);
  }

  #stored(pairs: readonly string[], reply: unknown): void {
    const Refusal = REFUSALS.get(reply);
    if (Refusal) this.abort(new Refusal(this.ref));
    else this.#seq += pairs.length / 2;
    if (this.#roomMade && this.#pending.units < HIGH_WATER_UNITS) {
      this.#roomMade.resolve();
      this.#roomMade = null;
    }
    this.#storeOrRest();
  }

  #storeOrRest(): void {
    const { gate, seq } = this.#options;
    if (this.#pending.empty) this.#rest();
    else gate.pass(this.#store, this.#seq === seq);
  }

  #rest(): void {
    this.#storing = false;
    this.#allStored?.resolve();
    this.#allStored = null;
  }

  #append(pairs: readonly string[]): Promise<unknown> {
    const { run, publish, limits, leaseToken } = this.#options;
    const now = performance.now();
    const isDue = now - this.#renewedAt >= limits.unfinishedRetentionMs * RENEWAL_SHARE;
    if (isDue) this.#renewedAt = now;
    return run('append', this.#keys, [
      ...[publish, isDue ? limits.unfinishedRetentionMs : ''],
      ...[this.attempt, leaseToken, this.#seq + 1, limits.maxEvents, limits.maxBytes],
      ...pairs,
    ]);
  }

  async #close(closing: Omit<Closing, 'ref' | 'lease'>, usage: AttemptUsage | null): Promise<void> {
    const { attempt, ref } = this;
    const lease = { attempt, leaseToken: this.#options.leaseToken, seq: this.#seq, usage };
    this.#closing = true;
    let refusal: StreamLogError | null = null;
    try {
      const { sealer } = this.#options;
      const stored = sealer ? sealedClosing(sealer, closing) : closing;
      const reply = await retryWhileUnavailable(() => closeJob(this.#options, { ...stored, ref, lease }));
      const Refusal = REFUSALS.get(reply?.outcome);
      if (Refusal) refusal = new Refusal(ref);
      if (reply !== undefined && 'end' in reply) this.#keptBytes = reply.end.keptBytes;
    } catch (error) {
      refusal = new LogWriteFailed(ref, error);
    }
    // from here on nothing of this attempt may be written, whatever the outcome was
    this.#end(refusal ?? new JobClosed(ref));
    if (refusal !== null) throw refusal;
  }
}
