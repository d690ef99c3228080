import { type JobError, type JobRef, type JobRequest, tenantOf } from '@millrace/contracts';
import { type ContentCipher, PLAIN, type PlaceCipher } from '../encryption/content-cipher.ts';
import { ContentUnreadable } from '../errors.ts';
import { closeJob, sealedClosing } from '../log/close-job.ts';
import { contentsOf } from '../log/job-contents.ts';
import { type JobScripts, jobScripts } from '../log/job-scripts.ts';
import type { LogLimits } from '../log/record.ts';
import type { KeySpace } from '../redis/keys.ts';
import { retryWhileUnavailable } from '../redis/retry-while-unavailable.ts';
import { namedReply, type RedisConnection } from '../redis/scripts.ts';
import { WriteGate } from '../redis/write-gate.ts';
import { AttemptWriter } from './attempt-writer.ts';

/** Why an attempt begins: the first one of its job, or the first of a job that answers an interrupt; the others by what ended
 *  the attempt before. */
export type AttemptReason = 'first' | 'resume' | 'worker-lost' | 'handover' | 'log-lost';

export type Begun =
  | {
      readonly kind: 'begun';
      readonly request: JobRequest;
      readonly attempt: number;
      readonly reason: AttemptReason;
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
  /** it must not run again: it had output and asked to fail then, it has had its attempts, or its request was altered in Redis */
  | { readonly kind: 'refused'; readonly reason: 'has-output' | 'too-many-attempts' | 'unreadable' };

/** Losses of its worker after which a job shares its process with no other: it may be what ends them. */
const ALONE_AFTER = 2;

interface Beginning {
  readonly leaseToken: string;
  /** as begin.lua named them */
  readonly values: Readonly<Record<string, string>>;
  readonly request: JobRequest;
  readonly contents: PlaceCipher;
}

export interface AttemptStarterOptions {
  /** of the words in jobs */
  readonly cipher?: ContentCipher;
  /** that all attempts append through */
  readonly gate?: WriteGate;
}

/** Starts attempts for a worker. */
export class AttemptStarter {
  readonly #scripts: JobScripts;
  readonly #gate: WriteGate;
  readonly cipher: ContentCipher;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: KeySpace,
    limits: LogLimits,
    { cipher = PLAIN, gate = new WriteGate() }: AttemptStarterOptions = {},
  ) {
    this.#scripts = jobScripts(redis, keys, limits);
    this.#gate = gate;
    this.cipher = cipher;
  }

  /** Starts the next attempt; the one before it is fenced from this moment on (law 2).
   *  @param leaseToken unique per pick-up of the queue entry
   *  @param isNext the job is known to be the active one of its thread
   *  @param isAlone this process runs no other job
   *  @throws ContentUnreadable `unavailable`: its key cannot be had now, so it has not begun */
  async begin(ref: JobRef, leaseToken: string, { isNext = false, isAlone = false } = {}): Promise<Begun> {
    const { run, publish, keys, limits } = this.#scripts;
    const { maxAttempts } = limits;
    // the last loss that ends it must not be a neighbour's doing
    const aloneAfter = Math.max(1, Math.min(ALONE_AFTER, maxAttempts - 1));
    const flags = [isNext ? 1 : '', isAlone ? 1 : ''];
    const args = [publish, limits.unfinishedRetentionMs, leaseToken, maxAttempts, aloneAfter, ...flags];
    await this.#haveKeys(ref);
    const reply = await retryWhileUnavailable(() => run('begin', keys.ofJob(ref), args));
    const [outcome, values] = namedReply(reply);
    switch (outcome) {
      case 'begun':
        return this.#readable(ref, values, (request, contents) =>
          this.#begun(ref, { leaseToken, values, request, contents }),
        );
      case 'in-thread':
        return this.#readable(ref, values, (request) => ({ kind: outcome, request }));
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
    const closing = {
      ref,
      status: 'failed',
      event: { type: 'error', data: error },
      fields: ['error', JSON.stringify(error)],
    } as const;
    const sealer = await contentsOf(this.cipher, ref).sealerAtHand();
    const reply = await closeJob(this.#scripts, sealer ? sealedClosing(sealer, closing) : closing);
    return reply.outcome === 'closed' ? reply.end.keptBytes : null;
  }

  /** Has at hand what opens the request, and what seals the answer: whatever cannot be had must not cost an attempt.
   *  @throws ContentUnreadable `unavailable` */
  async #haveKeys(ref: JobRef): Promise<void> {
    const { cipher } = this;
    if (cipher.isShut) throw new ContentUnreadable('unavailable', 'the master keys have not been checked yet');
    await retryWhileUnavailable(async () => cipher.warm(tenantOf(ref)));
    if (!cipher.lacksKeyOf(tenantOf(ref))) return;
    // a plain job, from before encryption was turned on; one that is gone must not leave a key
    const isThere = await retryWhileUnavailable(() => this.redis.exists(this.keys.record(ref)));
    if (isThere === 1) await retryWhileUnavailable(() => contentsOf(cipher, ref).sealerAtHand());
  }

  async #readable(
    ref: JobRef,
    values: Readonly<Record<string, string>>,
    use: (request: JobRequest, contents: PlaceCipher) => Begun | Promise<Begun>,
  ): Promise<Begun> {
    const contents = contentsOf(this.cipher, ref);
    try {
      const json = await contents.open(values['request'] ?? '', 'request');
      return await use(JSON.parse(json) as JobRequest, contents);
    } catch (error) {
      if (!(error instanceof ContentUnreadable) || error.reason === 'unavailable') throw error;
      return { kind: 'refused', reason: 'unreadable' };
    }
  }

  async #begun(ref: JobRef, { leaseToken, values, request, contents }: Beginning): Promise<Begun> {
    const [attempt, seq, createdAt, startedAt, now] = ['attempt', 'seq', 'createdAt', 'startedAt', 'now'].map((name) =>
      Number(values[name]),
    ) as [number, number, number, number, number];
    return {
      kind: 'begun',
      request,
      attempt,
      reason: reasonOf(attempt, values['reason'], request),
      writer: new AttemptWriter({
        ...{ ...this.#scripts, ref, leaseToken, attempt, seq, gate: this.#gate },
        sealer: await contents.sealer(values['request']),
      }),
      traceparent: values['traceparent'] || null,
      queueMs: startedAt - createdAt,
      elapsedMs: now - createdAt,
    };
  }
}

function reasonOf(attempt: number, told: string | undefined, { resume }: JobRequest): AttemptReason {
  if (attempt === 1) return resume === undefined ? 'first' : 'resume';
  // begin.lua does not know it any more when its reply was lost
  return (told as AttemptReason | '' | undefined) || 'worker-lost';
}
