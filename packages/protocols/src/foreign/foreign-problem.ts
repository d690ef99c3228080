import type { ProblemCode } from '@millrace/contracts';
import type { FieldFault } from './request-fault.ts';

/** A failure that an endpoint of a foreign protocol answers with. */
export interface ForeignProblem {
  readonly code: ProblemCode;
  /** as our own answer would have it */
  readonly status: number;
  readonly detail: string;
  readonly requestId: string;
  /** in the caller's own field names */
  readonly errors?: readonly FieldFault[] | undefined;
  /** value of `Retry-After`, where there is one */
  readonly retryAfter?: string | undefined;
  /** whether a job was made, or may have been: a client that repeats the request would start a second one */
  readonly isJobMade: boolean;
}

/** A failure in the form of a protocol. */
export interface ForeignAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly body: string;
}
