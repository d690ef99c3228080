/** Called with the ids of credentials that hold no longer. */
export type RevocationListener = (ids: ReadonlySet<string>) => void;

/** Tells which credentials hold no longer, also those that another node revoked. */
export interface Revocations {
  onRevoked(listener: RevocationListener): void;
}
