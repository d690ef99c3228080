import type { ArchiveKind } from '../job-archive.ts';

/** Which keys to list. */
export interface KeyQuery {
  readonly prefix: string;
  /** only keys that come after this one, which need not exist */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** Bytes under keys that are paths: what a bucket and a folder have in common. Keys are of letters, digits, `_`, `-`, `~` and `/`, and
 *  in the order of their bytes. */
export interface ObjectStore {
  readonly kind: ArchiveKind;
  /** Replaces what there is. Nobody sees a part of it. */
  put(key: string, bytes: Buffer, signal: AbortSignal): Promise<void>;
  /** @returns null: there is nothing */
  get(key: string, signal: AbortSignal): Promise<Buffer | null>;
  delete(key: string, signal: AbortSignal): Promise<void>;
  /** @returns keys in their order, `limit` at most; fewer: nothing follows */
  list(query: KeyQuery, signal: AbortSignal): Promise<string[]>;
  /** @param prefix with a slash at its end
   *  @returns the names between it and the next slash */
  folders(prefix: string, signal: AbortSignal): Promise<string[]>;
  close(): void;
}
