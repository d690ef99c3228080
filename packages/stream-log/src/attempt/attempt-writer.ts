import type { JobError, JobRef, StreamEvent, StreamEventData } from '@millrace/contracts';
import { AttemptFenced, JobClosed, LogLimitExceeded, LogLost, LogWriteFailed, type StreamLogError } from '../errors.ts';
import type { LogLimits } from '../log/limits.ts';
import type { KeySpace } from '../redis/keys.ts';
import { patiently } from '../redis/retry-while-unavailable.ts';
import type { RunScript } from '../redis/scripts.ts';
import { PendingEvents } from './pending-events.ts';

/** A model that is faster than Redis waits at this many buffered UTF-16 units. */
const HIGH_WATER_UNITS = 262_144;

const REFUSALS = new Map<unknown, new (ref: JobRef) => StreamLogError>([
  [-1, AttemptFenced],
  [-2, JobClosed],
  [-3, LogLost],
  [-4, LogLimitExceeded],
]);

export interface AttemptWriterOptions {
  readonly run: RunScript;
  readonly publish: string;
  readonly keys: KeySpace;
  readonly limits: LogLimits;
  readonly ref: JobRef;
  readonly runner: string;
  readonly attempt: number;
  /** of the last event that begin.lua stored */
  readonly seq: number;
}

/** Writes one attempt's events. What one turn brings goes out at its end; while one append is in flight, what comes
 *  meanwhile is merged and goes with the next: one Redis round trip bounds the delay, and no timer adds to it.
 *
 *  Every append carries the seq of its first event, so that sending it twice stores it once (law 4), and a log that
 *  lost something is noticed by the next append instead of going on with a hole in it. */
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
  #keptBytes: number | null = null;
  #said = false;
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

  /** whether this attempt has said anything: after that a failed model call cannot be tried again */
  get said(): boolean {
    return this.#said;
  }

  /** of the last event that Redis has stored: it grows as long as the job is this attempt's own */
  get storedSeq(): number {
    return this.#seq;
  }

  /** what the job that this attempt has ended keeps in Redis, bytes; null where it has not, or the script's word was lost */
  get keptBytes(): number | null {
    return this.#keptBytes;
  }

  /** Queues an event and sees to its storing. After the signal is aborted it does nothing.
   *  @throws TypeError the event's data cannot be written as JSON, or its text is no string */
  emit(event: StreamEvent): void {
    if (this.signal.aborted) return;
    this.#pending.add(event);
    this.#said = true;
    if (this.#storing) return;
    this.#storing = true;
    // what the same read of the model's answer brings goes along: a short answer is one append, and nothing is later for
    // it, as the connection writes at the end of the turn
    process.nextTick(() => this.#storeOrRest());
  }

  /** Resolves as soon as little enough waits to be stored. Never rejects.
   *  @returns null in the usual case: there is room */
  drained(): Promise<void> | null {
    if (this.#pending.units < HIGH_WATER_UNITS || this.signal.aborted) return null;
    this.#roomMade ??= Promise.withResolvers();
    return this.#roomMade.promise;
  }

  /** Resolves when all that was said is stored.
   *  @throws the signal's reason once nothing more can be written */
  async flush(): Promise<void> {
    await this.#idle();
    this.signal.throwIfAborted();
  }

  /** Ends the job well, after all that was said is stored.
   *  @throws StreamLogError somebody else owns or ended the job */
  async done(data: StreamEventData['done']): Promise<void> {
    await this.flush();
    await this.#close('completed', 'done', data, ['usage', JSON.stringify(data.usage)]);
  }

  /** Ends the job with an error. What was said before stays in the log, as far as it fits.
   *  @throws StreamLogError somebody else owns or ended the job */
  async fail(error: JobError): Promise<void> {
    await this.#idle();
    const reason: unknown = this.signal.reason;
    if (reason !== undefined && !(reason instanceof LogLimitExceeded)) throw reason;
    await this.#close('failed', 'error', error, ['error', JSON.stringify(error)]);
  }

  /** Gives the job back, so that the next attempt starts the answer afresh.
   *  @returns false when there is nothing to run again: the job has ended, or its record is gone */
  async release(reason: 'handover' | 'log-lost'): Promise<boolean> {
    const { run, keys, limits, runner } = this.#options;
    this.abort(new AttemptFenced(this.ref));
    await this.#idle();
    const args = [this.attempt, runner, reason, limits.unfinishedRetentionMs];
    return (await patiently(() => run('release', [keys.record(this.ref), keys.log(this.ref)], args))) === 1;
  }

  /** Stops the writer from outside: its job was cancelled or taken over, as the cancel watcher has learnt. */
  abort(reason: StreamLogError): void {
    // a closing attempt waits for the script's word: what others saw of the record may be its own end
    if (!this.#closing) this.#end(reason);
  }

  #end(reason: StreamLogError): void {
    if (this.signal.aborted) return;
    this.#abort.abort(reason);
    this.#pending.clear();
    this.#roomMade?.resolve();
  }

  /** Resolves when nothing is on its way to Redis, and nothing waits for it. Never rejects. */
  async #idle(): Promise<void> {
    while (this.#storing) {
      this.#allStored ??= Promise.withResolvers();
      await this.#allStored.promise;
    }
  }

  /** Stores what waits. By callbacks, not by an async function at each step: this is the path of every token. */
  #store(): void {
    const pairs = this.#pending.take();
    const tried = this.#append(pairs);
    tried.then(
      (reply) => this.#stored(pairs, reply),
      () => this.#storePatiently(pairs, tried),
    );
  }

  /** Never rejects: what goes wrong is in the signal. */
  async #storePatiently(pairs: readonly string[], tried: Promise<unknown>): Promise<void> {
    let reply: unknown;
    try {
      reply = await patiently(
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
    if (!this.#pending.empty) {
      this.#store();
      return;
    }
    this.#storing = false;
    this.#allStored?.resolve();
    this.#allStored = null;
  }

  #append(pairs: readonly string[]): Promise<unknown> {
    const { run, publish, limits, runner } = this.#options;
    return run('append', this.#keys, [
      ...[publish, limits.unfinishedRetentionMs],
      ...[this.attempt, runner, this.#seq + 1, limits.maxEvents, limits.maxBytes],
      ...pairs,
    ]);
  }

  async #close(status: string, type: 'done' | 'error', data: object, fields: readonly string[]): Promise<void> {
    const { run, publish, limits, runner } = this.#options;
    const args = [
      ...[publish, limits.recordRetentionMs, limits.logRetentionMs],
      ...[this.attempt, this.#seq, status, type, JSON.stringify(data), '', this.ref, runner],
      ...fields,
    ];
    this.#closing = true;
    let outcome: StreamLogError | null = null;
    try {
      const reply = await patiently(() => run('close', this.#keys, args));
      if (Number(reply) > 0) this.#keptBytes = Number(reply);
      const Refusal = REFUSALS.get(reply);
      if (Refusal) outcome = new Refusal(this.ref);
    } catch (error) {
      outcome = new LogWriteFailed(this.ref, error);
    }
    // from here on nothing of this attempt may be written, whatever the outcome was
    this.#end(outcome ?? new JobClosed(this.ref));
    if (outcome !== null) throw outcome;
  }
}
