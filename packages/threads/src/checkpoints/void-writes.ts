import { INTERRUPT } from '@langchain/langgraph-checkpoint';
import type { AttemptLease, CheckpointOrigin } from './ports.ts';
import type { StoredWrite } from './stored-checkpoint.ts';

/** Whether a write counts no longer for an attempt: an earlier attempt of the same job has left it in a step that now runs
 *  again, and the log does not say what that step said. Questions stay, and so do the answers of earlier jobs. An answer of
 *  its own job is given again with the input: if it stayed, the step would have it twice, and take it for the next question too. */
export function isVoid({ claim, channel }: StoredWrite, { jobId, attempt }: AttemptLease): boolean {
  if (channel === INTERRUPT) return false;
  const [job, nth] = claim.split(':', 2);
  return job === jobId && Number(nth) < attempt;
}

/** Whether a checkpoint was written by an earlier attempt of the same job. */
export function isOfEarlierAttempt(origin: CheckpointOrigin | null, { jobId, attempt }: AttemptLease): boolean {
  return origin !== null && origin.job === jobId && origin.attempt < attempt;
}
