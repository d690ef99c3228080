import { MillraceError, type MillraceErrorCode, RequestRefused } from '../errors.ts';
import type { JobEventData } from '../job-event.ts';
import type { ConversationProblem } from './snapshot.ts';

type Remedy = ConversationProblem['remedy'];

/** Codes that are not here have no remedy of a person's. */
const REMEDIES: Partial<Record<MillraceErrorCode, Remedy>> = {
  UNREACHABLE: 'retry',
  ANSWER_CHANGED: 'retry',
  CANCELLED: 'retry',
  MODEL_ERROR: 'retry',
  MODEL_TIMEOUT: 'retry',
  TIMEOUT: 'retry',
  WORKER_LOST: 'retry',
  AGENT_ERROR: 'retry',
  INTERNAL: 'retry',
  MODEL_RATE_LIMITED: 'wait',
  RATE_LIMITED: 'wait',
  QUOTA_EXCEEDED: 'wait',
  QUEUE_FULL: 'wait',
  UNAVAILABLE: 'wait',
  THREAD_BUSY: 'wait',
  INVALID_REQUEST: 'edit',
  INVALID_INPUT: 'edit',
  PAYLOAD_TOO_LARGE: 'edit',
  RECURSION_LIMIT: 'edit',
  UNAUTHENTICATED: 'credential',
  FORBIDDEN: 'credential',
  UNKNOWN_PIPELINE: 'choose',
  MODEL_NOT_ALLOWED: 'choose',
  NOT_INTERRUPTED: 'reload',
  JOB_FINISHED: 'reload',
  JOB_NOT_FOUND: 'reload',
  THREAD_NOT_FOUND: 'reload',
  LOG_EXPIRED: 'reload',
};

/** @param error what a call of this client has thrown
 *  @throws any other error */
export function problemOf(error: unknown): ConversationProblem {
  if (!(error instanceof MillraceError)) throw error;
  const { code, message, requestId, retryAfterMs } = error;
  const fields = error instanceof RequestRefused ? error.errors : [];
  return { code, message, requestId, remedy: REMEDIES[code] ?? 'none', retryAfterMs, fields };
}

/** Why a job failed. */
export function problemOfJob({ code, message }: JobEventData['error'], jobId: string | null): ConversationProblem {
  return { code, message, requestId: jobId, remedy: REMEDIES[code] ?? 'none', retryAfterMs: null, fields: [] };
}
