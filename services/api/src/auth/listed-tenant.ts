import { Forbidden, OutOfScope } from '../http/problem.ts';
import type { Caller } from './caller.ts';

export function seesAllTenants({ permissions }: Caller): boolean {
  return permissions.has('tenants:all');
}

/** @param tenant the one that the caller asks for
 *  @returns the tenant whose jobs and threads the caller may list; null: all tenants
 *  @throws Forbidden, OutOfScope */
export function listedTenant(caller: Caller, tenant: string | undefined): string | null {
  if (caller.scope !== null) throw new OutOfScope('This token is for certain jobs and threads: name one of them.');
  if (seesAllTenants(caller)) return tenant ?? null;
  if (tenant !== undefined && tenant !== caller.tenant) throw new Forbidden('tenants:all');
  return caller.tenant;
}
