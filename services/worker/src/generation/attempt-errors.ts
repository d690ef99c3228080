import type { StreamErrorCode } from '@millrace/contracts';

/** Why a running attempt was stopped from within the worker. Reasons of an AbortSignal: abort is not an error. */

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
