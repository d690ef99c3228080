import type { CreateOptions, Job, Jobs, Reconnection } from '@millrace/client';
import { Conflict, JobCancelled, ownRequestId } from '@millrace/client';
import { EXIT, Exit } from './exit-codes.ts';
import { Interruptions } from './interruptions.ts';
import { messageOf } from './service.ts';

export interface OwnJob<Made, Result> {
  /** sends it, with the id that the options give it */
  readonly create: (options: CreateOptions) => Promise<Made>;
  /** stays with it to its end */
  readonly use: (made: Made, signal: AbortSignal) => Promise<Result>;
  /** says one line about progress */
  readonly note: (text: string) => void;
}

/** Makes a job and stays with it. The first Ctrl-C cancels the job, also while it is still being made; the second lets go of it.
 *  @throws Exit let go of; JobCancelled it was cancelled before it could be used; whatever `create` and `use` throw */
export async function withOwnJob<Made extends { readonly id: string }, Result>(
  jobs: Jobs,
  { create, use, note }: OwnJob<Made, Result>,
): Promise<Result> {
  const requestId = ownRequestId();
  const leaving = new AbortController();
  let made: Made | null = null;
  let isUnwanted = false;
  let isLost = false;
  const leave = (text: string) => leaving.abort(new Exit(EXIT.interrupted, text));
  const letGo = () =>
    leave(made === null ? unknownFate(requestId.value) : `detached; the job goes on: ${howToResume(made)}`);
  const cancel = () => {
    isUnwanted = true;
    if (made !== null) {
      note('cancelling … Ctrl-C again lets go of it instead');
      void cancelled(jobs.resume(made.id), note);
    } else if (isLost) letGo();
    else note('cancelling as soon as it is accepted … Ctrl-C again lets go of it instead');
  };
  using _ = new Interruptions(cancel, letGo);
  const { signal } = leaving;
  const onReconnect = (reconnection: Reconnection) => {
    isLost = true;
    sayPatience(note)(reconnection);
    // nobody answers, who could tell what became of it
    if (isUnwanted && made === null) letGo();
  };
  made = await create({ requestId, signal, onReconnect });
  if (isUnwanted && (await cancelled(jobs.resume(made.id), note))) throw new JobCancelled('owner', made.id);
  return await use(made, signal);
}

/** @returns whether it was */
async function cancelled(job: Job, note: (text: string) => void): Promise<boolean> {
  try {
    await job.cancel();
    return true;
  } catch (error) {
    // it has ended: then its own end is what happens
    if (!(error instanceof Conflict)) note(`not cancelled: ${messageOf(error)}`);
    return false;
  }
}

function unknownFate(id: string): string {
  return `let go of before it was accepted; if it was after all, this ends it: millrace cancel ${id}`;
}

/** @param job with the last event that was shown of it, if any was */
export function howToResume({ id, lastEventId = null }: Readonly<{ id: string; lastEventId?: string | null }>): string {
  return `millrace watch ${id}${lastEventId === null ? '' : ` --after ${lastEventId}`}`;
}

/** Says that a connection is tried again, where that is worth a word: a node that stops hands its streams over at once. */
export function sayPatience(note: (text: string) => void) {
  return ({ delayMs }: Reconnection): void => {
    if (delayMs > 2000) note(`connection lost, trying again in ${Math.round(delayMs / 1000)} s`);
  };
}
