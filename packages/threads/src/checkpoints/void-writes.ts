import { type CheckpointPendingWrite, INTERRUPT, RESUME } from '@langchain/langgraph-checkpoint';
import type { AttemptLease, CheckpointOrigin } from './ports.ts';
import type { StoredWrite } from './stored-checkpoint.ts';

/** What counts of a write for an attempt. A task stores all of its answers as one list, whoever gave them: those of earlier
 *  jobs count although the list is void.
 *  @param lease null: of no attempt, everything counts */
export function countedWrite(
  write: StoredWrite,
  pending: CheckpointPendingWrite,
  lease: AttemptLease | null,
): CheckpointPendingWrite | null {
  if (lease === null || !isVoid(write, lease)) return pending;
  const [taskId, channel, value] = pending;
  if (write.earlierAnswers === 0 || !Array.isArray(value)) return null;
  return [taskId, channel, value.slice(0, write.earlierAnswers)];
}

/** @returns how many answers of a task's list earlier jobs have given */
export function earlierAnswers(
  { claim, channel, earlierAnswers: known }: StoredWrite,
  value: unknown,
  jobId: string,
): number {
  if (channel !== RESUME || !Array.isArray(value)) return 0;
  return claim.startsWith(`${jobId}:`) ? known : value.length;
}

/** Whether a write counts no longer for an attempt: an earlier attempt of the same job has left it in a step that now runs
 *  again, and the log does not say what that step said. Questions stay, and so do the answers of earlier jobs. An answer of
 *  its own job is given again with the input: if it stayed, the step would have it twice, and take it for the next question too. */
function isVoid({ claim, channel }: StoredWrite, { jobId, attempt }: AttemptLease): boolean {
  if (channel === INTERRUPT) return false;
  const [job, nth] = claim.split(':', 2);
  return job === jobId && Number(nth) < attempt;
}

/** Whether a checkpoint was written by an earlier attempt of the same job. */
export function isOfEarlierAttempt(origin: CheckpointOrigin | null, { jobId, attempt }: AttemptLease): boolean {
  return origin !== null && origin.job === jobId && origin.attempt < attempt;
}
