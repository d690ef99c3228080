import type { Interrupt, ThreadRef, ThreadStatus, ThreadView } from '@millrace/contracts';
import { ContentUnreadable, NewerFormat, type PlaceCipher } from '@millrace/stream-log';
import { METADATA, QUESTIONS } from './thread-content.ts';
import { parseQuestions, type ThreadQuestions } from './thread-questions.ts';

/** What is known of a thread. Times are Redis's clock, milliseconds since the epoch. */
export interface ThreadRecord {
  readonly ref: ThreadRef;
  readonly threadId: string;
  readonly tenant: string;
  readonly status: ThreadStatus;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** the job that has the turn, whether a worker has it yet or not; null when the thread is idle */
  readonly activeJob: string | null;
  /** whether the active job is to be cancelled, for another one that goes first */
  readonly makesWay: boolean;
  /** whether an attempt at the active job has claimed the thread */
  readonly isClaimed: boolean;
  /** the job that ended last, without those that were undone */
  readonly lastJob: string | null;
  /** open questions; none while a job has the turn */
  readonly interrupts: readonly Interrupt[];
  /** the same, and who asks; null for none */
  readonly questions: ThreadQuestions | null;
  /** id of the checkpoint that the thread stands at */
  readonly head: string | null;
  /** number of the last turn, see `ThreadKeys.jobs`; 0: no job has entered */
  readonly turn: number;
  /** the private thread of a job without `threadId`, which no caller sees */
  readonly isPrivate: boolean;
  /** what the thread has in Redis, bytes, about */
  readonly bytes: number;
  /** why its metadata and questions cannot be read: they are left out; null: they are there */
  readonly unreadable: ContentUnreadable | null;
}

/** The newest format of a thread, with its messages and checkpoints, that this version reads, and that it writes;
 *  `lua/shared/format.lua` has the same, and stores have it too. */
export const THREAD_FORMAT = 1;

/** Fields of a record, as HMGET expects them. */
export const RECORD_FIELDS = [
  ...['createdAt', 'updatedAt', 'metadata', 'active', 'claim', 'last', 'failed', 'interrupts', 'head', 'turn', 'stop'],
  ...['own', 'bytes', 'format'],
] as const;

/** @param values of {@link RECORD_FIELDS}
 *  @param cipher of the thread
 *  @returns null when there is no such thread */
export async function openThread(
  ref: ThreadRef,
  values: readonly (string | null)[],
  cipher: PlaceCipher,
): Promise<ThreadRecord | null> {
  const fields = Object.fromEntries(RECORD_FIELDS.map((name, place) => [name, values[place] ?? undefined]));
  const { createdAt, updatedAt, metadata, active, last, interrupts, head } = fields;
  if (createdAt === undefined) return null;
  // what was asked before the active job may come back when that has ended
  const asked = active === undefined ? interrupts : undefined;
  const isNewer = Number(fields['format'] ?? 1) > THREAD_FORMAT;
  const content = isNewer ? OF_A_NEWER_VERSION : await openContent(cipher, metadata, asked);
  const { questions } = content;
  const border = ref.lastIndexOf('.');
  return {
    ref,
    threadId: ref.slice(border + 1),
    tenant: ref.slice(0, border),
    status: statusOf({ active, failed: fields['failed'], isInterrupted: asked !== undefined }),
    createdAt: Number(createdAt),
    updatedAt: Number(updatedAt ?? createdAt),
    activeJob: active ?? null,
    makesWay: active !== undefined && fields['stop']?.startsWith(`${active}:`) === true,
    isClaimed: fields['claim'] !== undefined,
    lastJob: last ?? null,
    interrupts: questions?.interrupts ?? [],
    ...content,
    head: head ?? null,
    turn: Number(fields['turn'] ?? 0),
    isPrivate: fields['own'] !== undefined,
    bytes: Number(fields['bytes'] ?? 0),
  };
}

const OF_A_NEWER_VERSION = { metadata: {}, questions: null, unreadable: new NewerFormat() };

/** @param questions as stored; undefined: none are open */
async function openContent(cipher: PlaceCipher, metadata = '{}', questions?: string) {
  try {
    const [told, asked] = await Promise.all([
      cipher.open(metadata, METADATA),
      questions === undefined ? null : cipher.open(questions, QUESTIONS),
    ]);
    return {
      metadata: JSON.parse(told) as Record<string, string>,
      questions: questions === undefined || asked === null ? null : parseQuestions(asked, questions),
      unreadable: null,
    };
  } catch (error) {
    if (!(error instanceof ContentUnreadable)) throw error;
    return { metadata: {}, questions: null, unreadable: error };
  }
}

function statusOf(thread: { active?: string | undefined; failed?: string | undefined; isInterrupted: boolean }) {
  if (thread.active !== undefined) return 'busy';
  if (thread.isInterrupted) return 'interrupted';
  return thread.failed === undefined ? 'idle' : 'error';
}

/** @throws ContentUnreadable its metadata and questions cannot be read */
export function requireReadable<T extends Pick<ThreadRecord, 'unreadable'>>(thread: T): T {
  if (thread.unreadable !== null) throw thread.unreadable;
  return thread;
}

/** A thread as callers see it.
 *  @throws ContentUnreadable */
export function threadView(thread: ThreadRecord): ThreadView {
  return listedView(requireReadable(thread));
}

/** As {@link threadView}, for a list: one whose content cannot be read is in it, without metadata and questions. */
export function listedView(thread: ThreadRecord): ThreadView {
  return {
    id: thread.threadId,
    status: thread.status,
    createdAt: new Date(thread.createdAt).toISOString(),
    updatedAt: new Date(thread.updatedAt).toISOString(),
    metadata: thread.metadata,
    activeJob: thread.activeJob,
    lastJob: thread.lastJob,
    interrupts: thread.interrupts,
  };
}

/** What the id of a private thread begins with, before that of its job. */
export const PRIVATE = '~';

/** The thread of a job without `threadId`, for as long as the job runs. No caller can name it. */
export function privateThread(tenant: string, jobId: string): ThreadRef {
  return `${tenant}.${PRIVATE}${jobId}`;
}
