import { type JobEventData, MillraceError } from '@millrace/client';

/** @returns "340 ms" or "2.76 s" */
export function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

const FAILURES: Readonly<Record<string, string>> = {
  UNREACHABLE: 'The service cannot be reached. The job, if it was accepted, goes on without you.',
  BAD_ANSWER: 'Something other than Millrace answered. Is a proxy or a sign-in page in between?',
  UNAVAILABLE: 'The service is up but cannot work just now.',
  QUEUE_FULL: 'Too many questions are waiting already.',
  RATE_LIMITED: 'You have too many questions running at once. Wait for one to end.',
  UNAUTHENTICATED: 'This service wants an API key. Enter it below and ask again.',
  FORBIDDEN: 'This key may not do that.',
  JOB_NOT_FOUND: 'There is no such request here, or it is not yours.',
  LOG_EXPIRED: 'This answer is too old: its text is no longer kept.',
  PAYLOAD_TOO_LARGE: 'This conversation has become too long to send. Please start a new one.',
  MODEL_ERROR: 'The model failed to answer.',
  MODEL_RATE_LIMITED: 'The model is overloaded. Please try again in a moment.',
  MODEL_TIMEOUT: 'The model took too long.',
  TIMEOUT: 'The answer took longer than it may.',
  WORKER_LOST: 'The worker that answered was lost, and the job may not start again.',
  INTERNAL: 'Something went wrong on our side.',
};

/** A sentence for a person, from a code of the protocol; the server's own words where there is no better. */
export function failureSentence(code: string, message: string): string {
  return FAILURES[code] ?? message;
}

/** A sentence for whatever was thrown. */
export function errorSentence(error: unknown): string {
  if (error instanceof MillraceError) return failureSentence(error.code, error.message);
  return 'Something went wrong on this page. Please reload it.';
}

/** Who ended the job, as a sentence. */
export function cancelledSentence(by: JobEventData['cancelled']['by']): string {
  switch (by) {
    case 'owner':
      return 'Stopped.';
    case 'admin':
      return 'Stopped by an administrator.';
    case 'disconnect':
      return 'Stopped, since nobody was watching.';
    case 'shutdown':
      return 'Stopped, since the service was shutting down.';
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
