import { type AttemptUsage, type EventId, eventId, type JobRef, type JobStatus } from '@millrace/contracts';
import type { Sealer } from '../encryption/content-cipher.ts';
import { namedReply } from '../redis/scripts.ts';
import { sealedFields } from './job-contents.ts';
import type { JobScripts } from './job-scripts.ts';

/** How a job ends. */
export interface Closing {
  readonly ref: JobRef;
  readonly status: Extract<JobStatus, 'completed' | 'failed' | 'cancelled'>;
  /** the terminal event */
  readonly event: {
    readonly type: 'done' | 'error' | 'cancelled';
    /** a text is stored as it is: it is JSON, or sealed */
    readonly data: object | string;
  };
  /** fields of the record that the end adds */
  readonly fields?: readonly string[];
  /** the attempt that closes; left out by a caller without a lease, of which the worker is then told */
  readonly lease?: Lease;
}

/** What an attempt proves when it writes. */
interface Lease {
  readonly attempt: number;
  readonly leaseToken: string;
  /** of the last event that Redis acknowledged to it */
  readonly seq: number;
  /** null when it is not known */
  readonly usage: AttemptUsage | null;
}

/** What close.lua answers. */
export type CloseReply =
  | { readonly outcome: 'closed' | 'closed-already'; readonly end: JobEnd }
  | { readonly outcome: 'fenced' | 'ended' | 'lost' | 'missing' };

/** A job's record after its end. Times: milliseconds since the epoch. */
export interface JobEnd {
  /** what it keeps in Redis, bytes */
  readonly keptBytes: number;
  readonly attempt: number;
  /** the terminal event */
  readonly lastEventId: EventId;
  readonly startedAt: number | null;
  readonly firstTokenAt: number | null;
  readonly finishedAt: number;
  readonly pipeline: string;
  readonly threadId: string | null;
}

/** Stores a job's terminal event and final status (law 8). Sent twice, it closes once. */
export async function closeJob(scripts: JobScripts, closing: Closing): Promise<CloseReply> {
  const { run, publish, keys, limits } = scripts;
  const { ref, status, event, lease, fields = [] } = closing;
  const usage = lease?.usage ? JSON.stringify(lease.usage) : '';
  const reply = await run('close', keys.ofJob(ref), [
    ...[publish, limits.recordRetentionMs, limits.logRetentionMs],
    ...[status, event.type, typeof event.data === 'string' ? event.data : JSON.stringify(event.data)],
    ...[lease?.attempt ?? '', lease?.leaseToken ?? '', lease?.seq ?? '', usage],
    ...[keys.control, ref],
    ...fields,
  ]);
  const [outcome, values] = namedReply(reply);
  switch (outcome) {
    case 'closed':
    case 'closed-already':
      return { outcome, end: endOf(values) };
    case 'fenced':
    case 'ended':
    case 'lost':
    case 'missing':
      return { outcome };
    default:
      throw new Error(`close.lua answered ${outcome}`);
  }
}

/** @returns how a job ends, with words sealed */
export function sealedClosing<C extends Pick<Closing, 'event' | 'fields'>>(sealer: Sealer, closing: C): C {
  const { type, data } = closing.event;
  const sealed = sealer.seal(typeof data === 'string' ? data : JSON.stringify(data), type);
  return { ...closing, event: { type, data: sealed }, fields: sealedFields(sealer, closing.fields ?? []) };
}

function endOf(values: Readonly<Record<string, string>>): JobEnd {
  const [attempt, seq] = [Number(values['attempt']), Number(values['seq'])];
  return {
    keptBytes: Number(values['keptBytes']),
    attempt,
    lastEventId: eventId(attempt, seq),
    startedAt: timeOrNull(values['startedAt']),
    firstTokenAt: timeOrNull(values['firstTokenAt']),
    finishedAt: Number(values['finishedAt']),
    pipeline: values['pipeline'] ?? '',
    threadId: values['threadId'] || null,
  };
}

function timeOrNull(text: string | undefined): number | null {
  return text === undefined || text === '' ? null : Number(text);
}
