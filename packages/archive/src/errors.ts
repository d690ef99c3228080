import { ContentUnreadable, StreamLogError } from '@millrace/stream-log';

/** The archive does not answer, has too much to do, or Redis has no room for what it gives: it may be asked again. */
export class ArchiveUnavailable extends StreamLogError {
  readonly code = 'ARCHIVE_UNAVAILABLE';
  constructor(
    message: string,
    /** when to ask again, seconds */
    readonly retryAfterSeconds: number,
    override readonly cause?: unknown,
  ) {
    super(message);
  }
}

/** What the archive has of a job is not what was written there. */
export class ArchiveDamaged extends ContentUnreadable {
  constructor(cause?: unknown) {
    super('altered', 'what the archive has of a job is not what was written there', cause);
  }
}

/** A store has answered that it does not do what it was asked for. */
export class StoreRefused extends StreamLogError {
  readonly code = 'STORE_REFUSED';

  /** @param reason the store's own word for it, such as `SignatureDoesNotMatch`: anything else is not told
   *  @param status of its answer, over HTTP */
  constructor(reason: string, status: number | undefined) {
    super(
      `the store refuses: ${/^[A-Za-z]{1,64}$/.test(reason) ? reason : 'it does not say why'} (${status ?? 'no status'})`,
    );
  }
}

/** When a caller should ask again whose archive did not answer, seconds. */
const AWAY_SECONDS = 5;

/** @returns the error as callers are to see it: whatever a store throws, it did not serve */
export function asUnavailable(error: unknown): Error {
  const isKnown = error instanceof ArchiveUnavailable || error instanceof ContentUnreadable;
  return isKnown ? error : new ArchiveUnavailable('the archive does not answer', AWAY_SECONDS, error);
}
