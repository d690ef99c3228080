import { type CallOptions, pathOf, Transport, type TransportOptions, withQuery } from './transport.ts';

/** What a refused answer says, for requests that this SDK does not make. */
export { refusal } from './errors.ts';

export type Role = 'user' | 'manager' | 'admin';

/** A key that was made at run time, without its secret. Times are ISO 8601. */
export interface ApiKey {
  readonly id: string;
  readonly tenant: string;
  readonly role: Role;
  readonly name: string | null;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly lastUsedAt: string | null;
}

export interface NewApiKey {
  readonly tenant: string;
  /** default `user` */
  readonly role?: Role;
  readonly name?: string;
  /** never, if left out */
  readonly expiresInSeconds?: number;
}

/** Which jobs `cancelAll` ends. */
export interface CancelFilter {
  readonly status: 'queued' | 'active';
  readonly tenant?: string;
  readonly pipeline?: string;
}

/** What only admins may do: `@millrace/client/admin`.
 *  @see PROTOCOL.md §6, §11 */
export class MillraceAdmin {
  private readonly transport: Transport;

  constructor(options: TransportOptions = {}) {
    this.transport = new Transport(options);
  }

  /** The keys made at run time, newest first. */
  async keys({ signal }: CallOptions = {}): Promise<readonly ApiKey[]> {
    const { items } = await this.transport.json<{ items: ApiKey[] }>({ method: 'GET', path: '/keys', signal });
    return items;
  }

  /** @returns the key with its secret, `key`, which is shown only this once */
  createKey(key: NewApiKey, { signal }: CallOptions = {}): Promise<ApiKey & { readonly key: string }> {
    return this.transport.json({ method: 'POST', path: '/keys', body: key, signal });
  }

  /** It holds on no node after 2 s.
   *  @throws NotFound */
  async deleteKey(id: string, { signal }: CallOptions = {}): Promise<void> {
    await this.transport.send({ method: 'DELETE', path: pathOf('keys', id), signal });
  }

  /** Cancels all jobs that match.
   *  @returns how many */
  async cancelAll(filter: CancelFilter, { signal }: CallOptions = {}): Promise<number> {
    const path = withQuery('/jobs', filter);
    return (await this.transport.json<{ cancelled: number }>({ method: 'DELETE', path, signal })).cancelled;
  }

  /** Erases all threads and jobs of a tenant, whatever runs. */
  async eraseTenant(tenant: string, { signal }: CallOptions = {}): Promise<void> {
    await this.transport.send({ method: 'DELETE', path: pathOf('tenants', tenant, '/data'), signal });
  }
}
