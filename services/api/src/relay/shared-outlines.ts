import type { JobRef } from '@millrace/contracts';
import type { JobOutline, JobReader } from '@millrace/stream-log';

/** Reads a job once for all who ask for it at the same time: all watchers of a thread do, when its next job begins. */
export class SharedOutlines {
  readonly #reads = new Map<JobRef, Promise<JobOutline | null>>();

  constructor(private readonly reader: Pick<JobReader, 'outline'>) {}

  /** @returns null when there is no such job, or no longer */
  get(ref: JobRef): Promise<JobOutline | null> {
    const known = this.#reads.get(ref);
    if (known !== undefined) return known;
    const read = this.reader.outline(ref).finally(() => this.#reads.delete(ref));
    this.#reads.set(ref, read);
    return read;
  }
}
