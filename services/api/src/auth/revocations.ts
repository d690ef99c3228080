/** Called with the ids of credentials that hold no longer. */
export type RevocationListener = (ids: ReadonlySet<string>) => void;

/** Tells which credentials hold no longer, also those that another node revoked. */
export interface Revocations {
  onRevoked(listener: RevocationListener): void;
  /** Whether the node knows that a credential holds no longer: it may have ended after it was checked. */
  hasEnded(id: string): boolean;
}
