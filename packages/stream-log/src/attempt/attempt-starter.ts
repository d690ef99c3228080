import type { JobError, JobRef, JobRequest } from '@millrace/contracts';
import type { LogLimits } from '../log/limits.ts';
import type { KeySpace } from '../redis/keys.ts';
import { patiently } from '../redis/retry-while-unavailable.ts';
import { publishCommand, type RedisConnection, type RunScript, scriptsOf } from '../redis/scripts.ts';
import { AttemptWriter } from './attempt-writer.ts';

export type Begun =
  | {
      readonly kind: 'begun';
      readonly request: JobRequest;
      readonly attempt: number;
      readonly writer: AttemptWriter;
      /** acceptance → first attempt, milliseconds */
      readonly queueMs: number;
      /** acceptance → now, milliseconds */
      readonly elapsedMs: number;
    }
  /** the job has ended: its queue entry does nothing (law 15) */
  | { readonly kind: 'ended' }
  /** there is no record: it expired, or Redis lost it */
  | { readonly kind: 'missing' }
  /** it may not run again: it had said something and asked to fail then, or it has had its attempts */
  | { readonly kind: 'refused'; readonly reason: 'already-said' | 'too-many-attempts' };

type BegunReply = [code: 1, attempt: number, seq: number, request: string, ...times: string[]];
type Reply = BegunReply | [code: -1 | -2 | -3 | -4];

/** Takes jobs over for a worker. */
export class AttemptStarter {
  readonly #run: RunScript;
  readonly #publish: string;

  constructor(
    redis: RedisConnection,
    readonly keys: KeySpace,
    readonly limits: LogLimits,
  ) {
    this.#run = scriptsOf(redis);
    this.#publish = publishCommand(redis);
  }

  /** Starts the next attempt; whoever ran the job before is fenced from this moment on (law 2).
   *  @param runner unique per pick-up of the queue entry */
  async begin(ref: JobRef, runner: string): Promise<Begun> {
    const { unfinishedRetentionMs, maxAttempts } = this.limits;
    const args = [this.#publish, unfinishedRetentionMs, runner, maxAttempts];
    const reply = (await patiently(() => this.#run('begin', this.keys.ofJob(ref), args))) as Reply;
    switch (reply[0]) {
      case 1:
        return this.#begun(ref, runner, reply);
      case -1:
        return { kind: 'missing' };
      case -2:
        return { kind: 'ended' };
      case -3:
        return { kind: 'refused', reason: 'already-said' };
      case -4:
        return { kind: 'refused', reason: 'too-many-attempts' };
      default:
        throw new Error(`begin.lua answered ${String(reply)}`);
    }
  }

  /** Ends a refused job with an error.
   *  @returns what it keeps in Redis, bytes; null when it had ended by itself meanwhile, or is gone */
  async fail(ref: JobRef, error: JobError): Promise<number | null> {
    const { recordRetentionMs, logRetentionMs } = this.limits;
    const reply = await this.#run('close', this.keys.ofJob(ref), [
      ...[this.#publish, recordRetentionMs, logRetentionMs],
      ...['', '', 'failed', 'error', JSON.stringify(error), this.keys.control, ref, ''],
      ...['error', JSON.stringify(error)],
    ]);
    return Number(reply) > 0 ? Number(reply) : null;
  }

  #begun(ref: JobRef, runner: string, [, attempt, seq, request, ...times]: BegunReply): Begun {
    const [createdAt = 0, startedAt = 0, now = 0] = times.map(Number);
    const { keys, limits } = this;
    return {
      kind: 'begun',
      request: JSON.parse(request) as JobRequest,
      attempt,
      writer: new AttemptWriter({ run: this.#run, publish: this.#publish, keys, limits, ref, runner, attempt, seq }),
      queueMs: startedAt - createdAt,
      elapsedMs: now - createdAt,
    };
  }
}
