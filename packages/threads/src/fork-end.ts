/** Where the messages of a copy end: before or after a message, or all those of a job. */
export type ForkEnd = { readonly side: 'before' | 'after' } & (
  | { readonly jobId: string; readonly messageId?: undefined }
  | { readonly messageId: string; readonly jobId?: undefined }
);

/** @returns id of the job that the copy ends with; '': no such job was named */
export function endsWith(end: ForkEnd | undefined): string {
  return end?.side === 'after' ? (end.jobId ?? '') : '';
}

/** Takes the messages of a thread in batches, oldest first, and keeps those up to the end. */
export class MessageCut {
  #isReached = false;
  #isOver = false;

  constructor(readonly end: ForkEnd | undefined) {}

  /** Whether the end was among the messages so far. */
  get isFound(): boolean {
    return this.end === undefined || this.#isReached;
  }

  /** No later message is kept. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** @param batch the next messages, as they are stored */
  keep(batch: readonly string[]): readonly string[] {
    const { end } = this;
    if (end === undefined) return batch;
    const named = batch.map((message) => isNamed(message, end));
    const first = this.#isReached ? 0 : named.indexOf(true);
    if (first === -1) return batch;
    this.#isReached = true;
    // the messages of a job stand together
    const place = end.side === 'before' ? first : named.indexOf(false, first);
    if (place === -1) return batch;
    this.#isOver = true;
    return batch.slice(0, place);
  }
}

function isNamed(message: string, end: ForkEnd): boolean {
  const { jobId, messageId } = JSON.parse(message) as { jobId: string; messageId: string };
  return end.jobId === undefined ? messageId === end.messageId : jobId === end.jobId;
}
