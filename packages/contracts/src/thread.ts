import { z } from 'zod';
import type { Interrupt } from './agent.ts';

/** The id of a thread, chosen by the client or made by the service. */
export const threadIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 characters of A-Z, a-z, 0-9, "_" and "-"');

/** Names a thread in the whole deployment: `<tenant>.<threadId>`. Like job ids, thread ids belong to tenants. */
export type ThreadRef = `${string}.${string}`;

/** @param tenant whose thread it is
 *  @param threadId has no dot */
export function threadRef(tenant: string, threadId: string): ThreadRef {
  return `${tenant}.${threadId}`;
}

export type ThreadStatus = 'idle' | 'busy' | 'interrupted' | 'error';

/** A thread as the API shows it. Times are ISO 8601. @see PROTOCOL.md §10 */
export interface ThreadView {
  readonly id: string;
  readonly status: ThreadStatus;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** id of the job that runs, or is about to */
  readonly activeJob: string | null;
  /** id of the job that ended last */
  readonly lastJob: string | null;
  /** open questions of its agent */
  readonly interrupts: readonly Interrupt[];
}
