import type { JobError, JobRef, JobRequest } from '@millrace/contracts';
import { closeJob } from '../log/close-job.ts';
import { type JobScripts, jobScripts } from '../log/job-scripts.ts';
import type { LogLimits } from '../log/record.ts';
import type { KeySpace } from '../redis/keys.ts';
import { retryWhileUnavailable } from '../redis/retry-while-unavailable.ts';
import { namedReply, type RedisConnection } from '../redis/scripts.ts';
import { AttemptWriter } from './attempt-writer.ts';

export type Begun =
  | {
      readonly kind: 'begun';
      readonly request: JobRequest;
      readonly attempt: number;
      readonly writer: AttemptWriter;
      /** W3C trace context of the request that made the job; null for none */
      readonly traceparent: string | null;
      /** acceptance → first attempt, milliseconds */
      readonly queueMs: number;
      /** acceptance → now, milliseconds */
      readonly elapsedMs: number;
    }
  /** it has a thread, which says whether it may run (law 17) */
  | { readonly kind: 'in-thread'; readonly request: JobRequest }
  /** it has lost its worker {@link ALONE_AFTER} times: it may run in a process of its own only */
  | { readonly kind: 'alone' }
  /** the job has ended: its queue entry does nothing (law 15) */
  | { readonly kind: 'ended' }
  /** there is no record: it expired, or Redis lost it */
  | { readonly kind: 'missing' }
  /** it must not run again: it had output and asked to fail then, or it has had its attempts */
  | { readonly kind: 'refused'; readonly reason: 'has-output' | 'too-many-attempts' };

/** Losses of its worker after which a job shares its process with no other: it may be what ends them. */
const ALONE_AFTER = 2;

/** Starts attempts for a worker. */
export class AttemptStarter {
  readonly #scripts: JobScripts;

  constructor(redis: RedisConnection, keys: KeySpace, limits: LogLimits) {
    this.#scripts = jobScripts(redis, keys, limits);
  }

  /** Starts the next attempt; the one before it is fenced from this moment on (law 2).
   *  @param leaseToken unique per pick-up of the queue entry
   *  @param isNext the job is known to be the active one of its thread
   *  @param isAlone this process runs no other job */
  async begin(ref: JobRef, leaseToken: string, { isNext = false, isAlone = false } = {}): Promise<Begun> {
    const { run, publish, keys, limits } = this.#scripts;
    const { maxAttempts } = limits;
    // the last loss that ends it must not be a neighbour's doing
    const aloneAfter = Math.max(1, Math.min(ALONE_AFTER, maxAttempts - 1));
    const flags = [isNext ? 1 : '', isAlone ? 1 : ''];
    const args = [publish, limits.unfinishedRetentionMs, leaseToken, maxAttempts, aloneAfter, ...flags];
    const reply = await retryWhileUnavailable(() => run('begin', keys.ofJob(ref), args));
    const [outcome, values] = namedReply(reply);
    switch (outcome) {
      case 'begun':
        return this.#begun(ref, leaseToken, values);
      case 'in-thread':
        return { kind: outcome, request: JSON.parse(values['request'] ?? '') as JobRequest };
      case 'missing':
      case 'ended':
      case 'alone':
        return { kind: outcome };
      case 'has-output':
      case 'too-many-attempts':
        return { kind: 'refused', reason: outcome };
      default:
        throw new Error(`begin.lua answered ${outcome}`);
    }
  }

  /** Ends a refused job with an error.
   *  @returns what it keeps in Redis, bytes; null when it had ended by itself meanwhile, or is gone */
  async fail(ref: JobRef, error: JobError): Promise<number | null> {
    const reply = await closeJob(this.#scripts, {
      ref,
      status: 'failed',
      event: { type: 'error', data: error },
      fields: ['error', JSON.stringify(error)],
    });
    return reply.outcome === 'closed' ? reply.end.keptBytes : null;
  }

  #begun(ref: JobRef, leaseToken: string, values: Readonly<Record<string, string>>): Begun {
    const [attempt, seq, createdAt, startedAt, now] = ['attempt', 'seq', 'createdAt', 'startedAt', 'now'].map((name) =>
      Number(values[name]),
    ) as [number, number, number, number, number];
    return {
      kind: 'begun',
      request: JSON.parse(values['request'] ?? '') as JobRequest,
      attempt,
      writer: new AttemptWriter({ ...this.#scripts, ref, leaseToken, attempt, seq }),
      traceparent: values['traceparent'] || null,
      queueMs: startedAt - createdAt,
      elapsedMs: now - createdAt,
    };
  }
}
