import { type CallOptions, pathOf, type Transport } from './transport.ts';

/** The body of `POST /tokens`: `jobs` or `threads`, or both. */
export interface NewToken {
  /** ids, 50 at most; they need not exist yet */
  readonly jobs?: readonly string[];
  /** ids, 50 at most; a thread includes its jobs */
  readonly threads?: readonly string[];
  readonly may: readonly ('watch' | 'cancel' | 'create')[];
  /** 1 to 86,400 */
  readonly expiresInSeconds: number;
}

export interface Token {
  /** for revoking it */
  readonly id: string;
  /** for a browser, as its `apiKey` */
  readonly token: string;
  readonly expiresAt: string;
}

/** Credentials that let a browser do one thing: `millrace.tokens`. @see PROTOCOL.md §11 */
export class Tokens {
  constructor(private readonly transport: Transport) {}

  /** @throws AccessDenied the caller is no manager and no admin */
  create(token: NewToken, { signal }: CallOptions = {}): Promise<Token> {
    return this.transport.json({ method: 'POST', path: '/tokens', body: token, signal });
  }

  /** Revokes one: streams that it opened end within 2 s.
   *  @param id not the token itself */
  async revoke(id: string, { signal }: CallOptions = {}): Promise<void> {
    await this.transport.send({ method: 'DELETE', path: pathOf('tokens', id), signal });
  }
}
