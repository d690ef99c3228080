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

/** A store was not reached: there was no connection to it, or it has been lost. */
export class StoreUnreachable extends StreamLogError {
  readonly code = 'STORE_UNREACHABLE';

  constructor(override readonly cause: unknown) {
    super(`the store cannot be reached (${wordFor(cause)})`);
  }
}

/** A store has not answered in time. */
export class StoreSilent extends StreamLogError {
  readonly code = 'STORE_SILENT';

  constructor(ms: number) {
    super(`no answer within ${ms} ms`);
  }
}

/** @returns the code of an error, such as `ECONNREFUSED`, or its class, such as `TimeoutError`, and no other word of it */
function wordFor(error: unknown): string {
  const { code, name } = Object(error) as { readonly code?: unknown; readonly name?: unknown };
  if (/^[A-Z0-9_]{1,64}$/.test(String(code))) return String(code);
  return /^[A-Za-z]{1,64}(Error|Exception)$/.test(String(name)) ? String(name) : 'it is not said why';
}

/** When a caller should ask again whose archive did not answer, seconds. */
const AWAY_SECONDS = 5;

/** @returns the error as callers are to see it: whatever a store throws, it did not serve */
export function asUnavailable(error: unknown): Error {
  const isKnown = error instanceof ArchiveUnavailable || error instanceof ContentUnreadable;
  return isKnown ? error : new ArchiveUnavailable('the archive does not answer', AWAY_SECONDS, error);
}
