import { type JobEventData, MillraceError, type MillraceErrorCode } from '@millrace/client';
import type { ConversationProblem } from '@millrace/client/conversation';

/** @returns "340 ms" or "2.76 s" */
export function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/** @returns "640 kB" or "2.1 MB" */
export function size(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

const FAILURES: Readonly<Partial<Record<MillraceErrorCode, string>>> = {
  UNREACHABLE: 'The service cannot be reached. What it accepted goes on without you.',
  BAD_ANSWER: 'Something other than Millrace answered. Is a proxy or a sign-in page in between?',
  UNAVAILABLE: 'The service is up but cannot work just now.',
  QUEUE_FULL: 'Too many questions are waiting already.',
  RATE_LIMITED: 'You have too many questions running at once. Wait for one to end.',
  QUOTA_EXCEEDED: 'Your allowance is used up for now.',
  UNAUTHENTICATED: 'This service wants an API key. Enter it and ask again.',
  FORBIDDEN: 'This key may not do that.',
  JOB_NOT_FOUND: 'There is no such request here, or it is not yours.',
  THREAD_NOT_FOUND: 'There is no such conversation here, or it is not yours.',
  THREAD_BUSY: 'An answer is still being made in this conversation.',
  NOT_INTERRUPTED: 'The question has been answered already, or was dropped.',
  LOG_EXPIRED: 'This answer is too old: its text is no longer kept.',
  PAYLOAD_TOO_LARGE: 'That is too much to send at once. Shorten it, or attach less.',
  UNKNOWN_PIPELINE: 'No worker has this pipeline just now. Choose another one.',
  MODEL_NOT_ALLOWED: 'This model may not be used here. Choose another one.',
  MODEL_ERROR: 'The model failed to answer.',
  MODEL_RATE_LIMITED: 'The model is overloaded.',
  MODEL_TIMEOUT: 'The model took too long.',
  TIMEOUT: 'The answer took longer than it may.',
  WORKER_LOST: 'The worker that answered was lost, and the job may not start again.',
  AGENT_ERROR: 'The agent failed.',
  RECURSION_LIMIT: 'The agent took more steps than it may.',
  INTERNAL: 'Something went wrong on our side.',
};

/** A sentence for a person, from a code of the protocol; the server's own words where there is no better. */
export function failureSentence(code: string, message: string): string {
  return (FAILURES as Readonly<Record<string, string>>)[code] ?? message;
}

/** A sentence for whatever was thrown. */
export function errorSentence(error: unknown): string {
  if (error instanceof MillraceError) return failureSentence(error.code, error.message);
  return 'Something went wrong on this page. Please reload it.';
}

/** What a person can do about it; empty where the failure says it, or nothing helps. */
export function remedySentence({ remedy, retryAfterMs }: ConversationProblem): string {
  switch (remedy) {
    case 'retry':
      return 'Please try again.';
    case 'wait':
      return retryAfterMs === null
        ? 'Please try again in a moment.'
        : `Please try again in ${Math.ceil(retryAfterMs / 1000)} s.`;
    case 'edit':
      return 'Change your message and send it again.';
    case 'reload':
      return 'Please reload the page.';
    default:
      return '';
  }
}

/** Who ended the job, as a sentence. */
export function cancelledSentence(by: JobEventData['cancelled']['by'] | null): string {
  switch (by) {
    case 'admin':
      return 'Stopped by an administrator.';
    case 'disconnect':
      return 'Stopped, since nobody was watching.';
    case 'shutdown':
      return 'Stopped, since the service was shutting down.';
    case 'thread':
      return 'Stopped, since another message took its place.';
    default:
      return 'Stopped.';
  }
}

/** Why the answer begins again, as a sentence. */
export function resetSentence({ reason, attempt }: JobEventData['reset']): string {
  switch (reason) {
    case 'handover':
      return `The worker was shut down; attempt ${attempt} starts the answer afresh.`;
    case 'log-lost':
      return 'The service lost a part of the stream; what it has is shown from the beginning.';
    default:
      return `The worker was lost; attempt ${attempt} starts the answer afresh.`;
  }
}
