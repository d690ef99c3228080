/** Codes of a problem answer (`application/problem+json`). @see PROTOCOL.md §7 */
export type ProblemCode =
  | 'INVALID_REQUEST'
  | 'INVALID_CURSOR'
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'JOB_NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'AMBIGUOUS_ID'
  | 'HOST_NOT_ALLOWED'
  | 'JOB_RUNNING'
  | 'JOB_FINISHED'
  | 'THREAD_NOT_FOUND'
  | 'THREAD_BUSY'
  | 'THREAD_EXISTS'
  | 'NOT_INTERRUPTED'
  | 'INVALID_INPUT'
  | 'LOG_EXPIRED'
  | 'PAYLOAD_TOO_LARGE'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'UNKNOWN_PIPELINE'
  | 'MODEL_NOT_ALLOWED'
  | 'IDEMPOTENCY_MISMATCH'
  | 'RATE_LIMITED'
  | 'QUOTA_EXCEEDED'
  | 'QUEUE_FULL'
  | 'UNAVAILABLE'
  | 'INTERNAL';

/** Codes of the terminal event `error`: what went wrong after the stream had begun. @see PROTOCOL.md §7 */
export const STREAM_ERROR_CODES = [
  'MODEL_ERROR',
  'MODEL_RATE_LIMITED',
  'MODEL_TIMEOUT',
  'TIMEOUT',
  'WORKER_LOST',
  'AGENT_ERROR',
  'RECURSION_LIMIT',
  'QUOTA_EXCEEDED',
  'INTERNAL',
] as const;

export type StreamErrorCode = (typeof STREAM_ERROR_CODES)[number];
