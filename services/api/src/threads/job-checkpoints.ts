import type { ThreadRef } from '@millrace/contracts';
import type { Checkpoints, CheckpointView } from '@millrace/threads';
import { Inject, Injectable } from '@nestjs/common';
import { CheckpointNotFound } from '../http/problem.ts';
import { CHECKPOINTS } from '../tokens.ts';

/** How far back the checkpoints of a job are looked for, pages. */
const MAX_PAGES = 20;

/** Where jobs found an agent's thread, and where they left it. */
@Injectable()
export class JobCheckpoints {
  constructor(@Inject(CHECKPOINTS) private readonly checkpoints: Checkpoints) {}

  /** @returns id of the checkpoint that the job began at; null: the thread had none
   *  @throws CheckpointNotFound the job wrote none, or they have been pruned */
  async before(jobId: string, ref: ThreadRef): Promise<string | null> {
    let first: CheckpointView | null = null;
    for await (const checkpoint of this.#newestFirst(ref)) {
      if (checkpoint.origin?.job === jobId) first = checkpoint;
      else if (first !== null) break;
    }
    if (first === null) throw new CheckpointNotFound();
    return first.parentId;
  }

  /** @returns id of the last checkpoint that the job wrote
   *  @throws CheckpointNotFound it wrote none, or that has been pruned */
  async after(jobId: string, ref: ThreadRef): Promise<string> {
    for await (const { origin, checkpointId } of this.#newestFirst(ref)) if (origin?.job === jobId) return checkpointId;
    throw new CheckpointNotFound();
  }

  async *#newestFirst(ref: ThreadRef): AsyncGenerator<CheckpointView, void, undefined> {
    let before: string | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const { checkpoints, more } = await this.checkpoints.history(ref, before === undefined ? {} : { before });
      yield* checkpoints;
      before = checkpoints.at(-1)?.checkpointId;
      if (!more || before === undefined) return;
    }
  }
}
