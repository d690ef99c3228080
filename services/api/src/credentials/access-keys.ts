/** The Redis keys of credentials. All share a hash tag, so that a change and its version are one step. */
export class AccessKeys {
  /** string: counts changes; whoever has seen one knows whether its copy is up to date */
  readonly version: string;
  /** hash: id of an issued key → what is known of it, JSON */
  readonly issuedKeys: string;
  /** hash: id of an issued key → when it was last used, ms since the epoch */
  readonly uses: string;
  /** sorted set: ids of revoked tokens, by when they would have expired (ms) */
  readonly revokedTokens: string;
  /** string: the secret that signs tokens, unless the settings hold one */
  readonly tokenSecret: string;

  /** @param prefix that of all keys of the deployment */
  constructor(prefix: string) {
    const tag = `{${prefix}:access}`;
    this.version = `${tag}:version`;
    this.issuedKeys = `${tag}:keys`;
    this.uses = `${tag}:uses`;
    this.revokedTokens = `${tag}:revoked`;
    this.tokenSecret = `${tag}:token-secret`;
  }
}
