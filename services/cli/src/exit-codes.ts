import {
  AccessDenied,
  Conflict,
  ConnectionLost,
  InvalidRequest,
  JobCancelled,
  LimitReached,
  NotFound,
  Unavailable,
} from '@millrace/client';

/** What a command's exit says to a script. @see docs/command-line.md */
export const EXIT = {
  ok: 0,
  /** the job failed, or the doctor found a fault */
  failed: 1,
  /** an option or argument is wrong, or the service refuses the request as it stands */
  usage: 2,
  /** no key, a wrong one, or one that may not do this */
  denied: 3,
  notFound: 4,
  /** a limit, a full queue or a service that cannot answer now: the same command may succeed later */
  later: 5,
  unreachable: 6,
  cancelled: 7,
  /** by Ctrl-C */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A command that ends with a code and, where there is something to say, a message. */
export class Exit extends Error {
  override readonly name = 'Exit';

  constructor(
    readonly code: ExitCode,
    message = '',
  ) {
    super(message);
  }
}

const KINDS = [
  [AccessDenied, EXIT.denied],
  [NotFound, EXIT.notFound],
  [LimitReached, EXIT.later],
  [Unavailable, EXIT.later],
  [ConnectionLost, EXIT.unreachable],
  [InvalidRequest, EXIT.usage],
  [Conflict, EXIT.usage],
  [JobCancelled, EXIT.cancelled],
] as const;

/** @returns the code for whatever a command has thrown */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof Exit) return error.code;
  return KINDS.find(([kind]) => error instanceof kind)?.[1] ?? EXIT.failed;
}

/** @returns what a command says that has tried several things: the highest code */
export function worstOf(codes: readonly ExitCode[]): ExitCode {
  return Math.max(...codes) as ExitCode;
}
