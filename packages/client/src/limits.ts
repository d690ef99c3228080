import { type CallOptions, pathOf, type Transport } from './transport.ts';

/** What a tenant may use; null: no limit. A field that is left out is as the service's settings say. */
export interface TenantLimits {
  /** requests within a minute; those that watch or cancel do not count */
  readonly requestsPerMinute?: number | null;
  /** jobs that wait or run */
  readonly queuedJobs?: number | null;
  /** jobs that run at a time */
  readonly activeJobs?: number | null;
  /** open streams on all nodes */
  readonly streams?: number | null;
  /** bytes that its jobs and threads take up */
  readonly storedBytes?: number | null;
  /** tokens of a day, UTC */
  readonly tokensPerDay?: number | null;
}

export interface LimitedTenant {
  readonly limits: Required<TenantLimits>;
  /** how much of each it uses */
  readonly use: { readonly [Name in keyof TenantLimits]-?: number };
}

/** What tenants may use: `millrace.limits`. @see PROTOCOL.md §11 */
export class Limits {
  constructor(private readonly transport: Transport) {}

  /** @throws AccessDenied the caller is not a manager of this tenant, and no admin */
  get(tenant: string, { signal }: CallOptions = {}): Promise<LimitedTenant> {
    return this.transport.json({ method: 'GET', path: pathOf('tenants', tenant, '/limits'), signal });
  }

  /** Replaces all that was set for the tenant.
   *  @throws AccessDenied the caller is no admin; InvalidRequest */
  set(tenant: string, limits: TenantLimits, { signal }: CallOptions = {}): Promise<LimitedTenant> {
    const path = pathOf('tenants', tenant, '/limits');
    return this.transport.json({ method: 'PUT', path, body: limits, signal });
  }
}
