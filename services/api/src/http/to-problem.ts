import { ArchiveUnavailable } from '@millrace/archive';
import type { ProblemCode } from '@millrace/contracts';
import { RequestFault } from '@millrace/protocols';
import {
  ContentUnreadable,
  IdempotencyMismatch,
  JobNotFound,
  LogExpired,
  ShardAway,
  SubscriptionUnconfirmed,
} from '@millrace/stream-log';
import { ThreadBeingMade } from '@millrace/threads';
import { HttpException } from '@nestjs/common';
import { shownErrors } from './field-errors.ts';
import { InvalidRequest, Problem, Unavailable } from './problem.ts';
import { isRedisFailure } from './redis-failure.ts';

/** The problem that a caller gets for an error. An unknown error is `INTERNAL` and reveals nothing of its text. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof RequestFault) {
    const { detail, errors } = shownErrors(error.errors);
    return new InvalidRequest(detail, errors);
  }
  if (error instanceof JobNotFound) {
    // an unknown job and another tenant's look the same (law 14)
    return new Problem('JOB_NOT_FOUND', 'There is no such job, or it is not yours.');
  }
  if (error instanceof LogExpired) {
    return new Problem('LOG_EXPIRED', 'The events of this job have expired; its record is at GET /jobs/:id.');
  }
  if (error instanceof IdempotencyMismatch) {
    return new Problem('IDEMPOTENCY_MISMATCH', 'This id or idempotency key was used for another request.');
  }
  if (error instanceof ArchiveUnavailable) {
    return new Unavailable({ cause: error, retryAfterSeconds: error.retryAfterSeconds });
  }
  if (error instanceof ContentUnreadable) {
    if (error.reason === 'unavailable') return new Unavailable({ cause: error });
    return new Problem(
      'INTERNAL',
      'What is stored of this cannot be read: it was altered or damaged, or its key is destroyed.',
    );
  }
  if (error instanceof ThreadBeingMade) {
    return new Problem('THREAD_BUSY', 'A fork is just making this thread: send the request again.', {
      headers: { 'Retry-After': '1' },
    });
  }
  // must come before the check for Redis: a client that aborts its body causes an ECONNRESET too
  const status = clientErrorStatus(error);
  if (status !== null) return httpProblem(status);
  const isAway = error instanceof SubscriptionUnconfirmed || error instanceof ShardAway;
  if (isAway || isRedisFailure(error)) return new Unavailable({ cause: error });
  return new Problem('INTERNAL', 'The failure has been logged.');
}

/** The 4xx status of a failure that Nest or Fastify found before a handler ran. */
function clientErrorStatus(error: unknown): number | null {
  const status = error instanceof HttpException ? error.getStatus() : statusCodeOf(error);
  return status !== undefined && status >= 400 && status < 500 ? status : null;
}

function statusCodeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined;
  return typeof error.statusCode === 'number' ? error.statusCode : undefined;
}

const HTTP_PROBLEMS: Readonly<Record<number, [ProblemCode, string]>> = {
  400: ['INVALID_REQUEST', 'The request cannot be read: its path or its JSON body is malformed.'],
  404: ['INVALID_REQUEST', 'No route has this path and method.'],
  413: ['PAYLOAD_TOO_LARGE', 'The body is larger than the service accepts.'],
  415: ['UNSUPPORTED_MEDIA_TYPE', 'Send the body as application/json.'],
};

/** A failure of HTTP itself, which has a status but no code of its own. */
export function httpProblem(status: number): Problem {
  const [code, detail] = HTTP_PROBLEMS[status] ?? ['INVALID_REQUEST', 'The request is malformed.'];
  return new Problem(code, detail, { status });
}
