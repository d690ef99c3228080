import type { StreamErrorCode } from '@millrace/contracts';

/** Why a running attempt ended from within the worker; the first two are reasons of an AbortSignal, which is no error. */

/** The worker ends: the job goes on elsewhere. */
export class WorkerStopping extends Error {
  override readonly name = 'WorkerStopping';
  constructor() {
    super('the worker is shutting down');
  }
}

/** One of an attempt's clocks ran out. */
export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded';
  constructor(
    readonly code: Extract<StreamErrorCode, 'MODEL_TIMEOUT' | 'TIMEOUT'>,
    message: string,
  ) {
    super(message);
  }
}

/** The job asks for a pipeline that this worker does not have, though another one announced it. */
export class PipelineMissing extends Error {
  override readonly name = 'PipelineMissing';
  constructor(readonly pipeline: string) {
    super(`this worker has no pipeline "${pipeline}"`);
  }
}

/** A pipeline said something that no event, or result, can be. */
export class MalformedEvent extends Error {
  override readonly name = 'MalformedEvent';

  /** @param field what is wrong, as `tool_result: data.content`; never its value */
  constructor(
    readonly pipeline: string,
    readonly field: string,
  ) {
    super(`the pipeline "${pipeline}" said a malformed event (${field})`);
  }
}
