import type { StreamErrorCode } from '@millrace/contracts';

/** Why an attempt ended from within the worker. The first two are reasons of an AbortSignal, not failures. */

/** The worker is shutting down: the job continues on another one. */
export class WorkerStopping extends Error {
  override readonly name = 'WorkerStopping';

  /** @param reason `worker-lost`: it stops because something has gone wrong in it, perhaps by this job's doing */
  constructor(readonly reason: 'handover' | 'worker-lost' = 'handover') {
    super('the worker is shutting down');
  }
}

/** One of an attempt's deadlines has passed. */
export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded';
  constructor(
    readonly code: Extract<StreamErrorCode, 'MODEL_TIMEOUT' | 'TIMEOUT'>,
    message: string,
  ) {
    super(message);
  }
}

/** The job has used far more tokens than it had reserved, and its tenant's day has no more. */
export class TokensUsedUp extends Error {
  override readonly name = 'TokensUsedUp';
  constructor() {
    super('the tenant has used up its tokens of the day');
  }
}

/** The job needs a pipeline that another worker announced and this one does not have. */
export class PipelineMissing extends Error {
  override readonly name = 'PipelineMissing';
  constructor(readonly pipeline: string) {
    super(`this worker has no pipeline "${pipeline}"`);
  }
}

/** A pipeline yielded an invalid event or returned an invalid result. */
export class MalformedEvent extends Error {
  override readonly name = 'MalformedEvent';

  /** @param field the invalid field, for example `tool_result: data.content`; never its value */
  constructor(
    readonly pipeline: string,
    readonly field: string,
  ) {
    super(`the pipeline "${pipeline}" yielded a malformed event (${field})`);
  }
}
