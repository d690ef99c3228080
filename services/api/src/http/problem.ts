import type { ProblemCode } from '@millrace/contracts';

/** What is wrong with one place of the request; `pointer` is a JSON pointer into the body, RFC 6901. */
export interface Complaint {
  readonly pointer: string;
  readonly detail: string;
}

/** Status and title of each code. @see PROTOCOL.md §7 */
export const PROBLEMS: Readonly<Record<ProblemCode, { readonly status: number; readonly title: string }>> = {
  INVALID_REQUEST: { status: 400, title: 'The request is invalid' },
  INVALID_CURSOR: { status: 400, title: 'The cursor is malformed' },
  UNAUTHENTICATED: { status: 401, title: 'A valid key is needed' },
  FORBIDDEN: { status: 403, title: 'The caller may not do this' },
  JOB_NOT_FOUND: { status: 404, title: 'There is no such job' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'This path has other methods' },
  AMBIGUOUS_ID: { status: 409, title: 'Several jobs have this id' },
  HOST_NOT_ALLOWED: { status: 421, title: 'The service is not known by this name' },
  JOB_FINISHED: { status: 409, title: 'The job has finished' },
  LOG_EXPIRED: { status: 410, title: 'The log of the job has expired' },
  PAYLOAD_TOO_LARGE: { status: 413, title: 'The body is too large' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'The body must be application/json' },
  UNKNOWN_PIPELINE: { status: 422, title: 'There is no such pipeline' },
  MODEL_NOT_ALLOWED: { status: 422, title: 'The model is not allowed' },
  IDEMPOTENCY_MISMATCH: { status: 422, title: 'The id stands for another request' },
  RATE_LIMITED: { status: 429, title: 'Too much at a time' },
  QUOTA_EXCEEDED: { status: 429, title: 'The tenant has used up what it may have' },
  QUEUE_FULL: { status: 503, title: 'The queue is full' },
  UNAVAILABLE: { status: 503, title: 'The service is unavailable' },
  INTERNAL: { status: 500, title: 'Something went wrong in the service' },
};

interface ProblemOptions {
  readonly errors?: readonly Complaint[];
  /** instead of the code's own: an HTTP failure that has no code of its own */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request that failed, for a reason that the caller is told. The detail never holds a prompt, key or stack. */
export class Problem extends Error {
  constructor(
    readonly code: ProblemCode,
    readonly detail: string,
    readonly options: ProblemOptions = {},
  ) {
    super(detail);
    this.name = new.target.name;
  }

  get status(): number {
    return this.options.status ?? PROBLEMS[this.code].status;
  }
}

export class InvalidRequest extends Problem {
  constructor(detail: string, errors?: readonly Complaint[]) {
    super('INVALID_REQUEST', detail, errors === undefined ? {} : { errors });
  }
}

export class InvalidCursor extends Problem {
  constructor() {
    super('INVALID_CURSOR', 'The cursor is none that this service gave out.');
  }
}

export class Unauthenticated extends Problem {
  constructor() {
    super('UNAUTHENTICATED', 'Send one valid key, as "Authorization: Bearer …" or "x-api-key: …".', {
      headers: { 'WWW-Authenticate': 'Bearer realm="millrace"' },
    });
  }
}

export class Forbidden extends Problem {
  constructor() {
    super('FORBIDDEN', 'This needs the role admin.');
  }
}

/** Without keys: a page of another origin would change something. */
export class ForeignOrigin extends Problem {
  constructor() {
    super('FORBIDDEN', 'Pages of this origin may change nothing here: add it to MILLRACE_CORS_ORIGINS.');
  }
}

/** Without keys: the request is for a name that may be anybody's. */
export class HostNotAllowed extends Problem {
  constructor() {
    super(
      'HOST_NOT_ALLOWED',
      'The Host of this request is none of the service: add its name to MILLRACE_ALLOWED_HOSTS.',
    );
  }
}

export class MethodNotAllowed extends Problem {
  /** @param methods those that the path has */
  constructor(methods: readonly string[]) {
    const allowed = methods.toSorted().join(', ');
    super('METHOD_NOT_ALLOWED', `This path takes ${allowed}.`, { headers: { Allow: allowed } });
  }
}

/** Unknown, and another tenant's, look the same (law 14). */
export class UnknownJob extends Problem {
  constructor() {
    super('JOB_NOT_FOUND', 'There is no such job, or it is not yours.');
  }
}

/** For admins alone: everybody else names a job of its own tenant. */
export class AmbiguousId extends Problem {
  constructor(tenants: readonly string[]) {
    super('AMBIGUOUS_ID', `Several tenants hold this id (${tenants.join(', ')}): add ?tenant= and one of them.`);
  }
}

export class JobFinished extends Problem {
  constructor() {
    super('JOB_FINISHED', 'The job has finished and cannot be cancelled any more.');
  }
}

export class LogGone extends Problem {
  constructor() {
    super('LOG_EXPIRED', 'The events of this job are no longer kept; its record is at GET /jobs/:id.');
  }
}

export class UnknownPipeline extends Problem {
  constructor(known: readonly string[]) {
    super('UNKNOWN_PIPELINE', `Known pipelines: ${known.join(', ')}.`, {
      errors: [{ pointer: '/pipeline', detail: 'is not a known pipeline' }],
    });
  }
}

export class ModelNotAllowed extends Problem {
  constructor(allowed: readonly string[]) {
    super('MODEL_NOT_ALLOWED', `Allowed models: ${allowed.join(', ')}.`, {
      errors: [{ pointer: '/model', detail: 'is not an allowed model' }],
    });
  }
}

export class QueueFull extends Problem {
  constructor() {
    super('QUEUE_FULL', 'Too many jobs are waiting; try again later.', { headers: { 'Retry-After': '5' } });
  }
}

export class RateLimited extends Problem {
  constructor() {
    super('RATE_LIMITED', 'Too many of your jobs are unfinished; try again when one has ended.', {
      headers: { 'Retry-After': '5' },
    });
  }
}

/** The tenant's prompts, answers and records fill what is its own of the store. */
export class StorageFull extends Problem {
  constructor() {
    super('QUOTA_EXCEEDED', 'Your jobs take too much room; try again when some have ended or expired.', {
      headers: { 'Retry-After': '60' },
    });
  }
}

/** The caller's tenant holds all streams that it may hold on this node. */
export class TooManyStreams extends Problem {
  constructor(most: number) {
    super(
      'RATE_LIMITED',
      `You hold ${most} streams open on this node, the most there may be (MILLRACE_MAX_STREAMS_PER_TENANT); close one, or try again later.`,
      { headers: { 'Retry-After': '5' } },
    );
  }
}

/** The caller's tenant reads as many long texts as it may on this node, and none has ended in time. */
export class TooManyTexts extends Problem {
  constructor(most: number) {
    super('RATE_LIMITED', `You read ${most} long texts at a time, the most there may be; finish reading one.`, {
      headers: { 'Retry-After': '5' },
    });
  }
}

/** Redis does not answer (law 12), or the node is about to stop. */
export class Unavailable extends Problem {
  constructor(options: ErrorOptions = {}) {
    super('UNAVAILABLE', 'The service cannot do this right now; try again shortly.', {
      headers: { 'Retry-After': '2' },
    });
    this.cause = options.cause;
  }
}
