import type { oas31 } from 'zod-openapi';
import { ROLES, type Role } from '../api-keys.ts';
import { type Permission, ROLE_PERMISSIONS } from '../auth/permissions.ts';
import { RIGHT_PERMISSIONS, RIGHTS, type Right } from '../credentials/tokens.ts';

/** One route, and who may use it. */
export interface AccessRow {
  readonly method: string;
  /** as in the OpenAPI document: `/jobs/{id}` */
  readonly path: string;
  /** null: everybody may */
  readonly permission: Permission | null;
  readonly roles: readonly Role[];
  /** of tokens, for their own jobs and threads */
  readonly rights: readonly Right[];
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

/** Who may use which route, as the routes declare it.
 *  @param paths of the OpenAPI document, which states the permission of each operation as its scope */
export function accessRows(paths: oas31.PathsObject): AccessRow[] {
  return Object.entries(paths).flatMap(([path, operations]) =>
    METHODS.flatMap((method) => {
      const operation = operations[method];
      return operation === undefined ? [] : rowOf(method, path, operation.security ?? []);
    }),
  );
}

function rowOf(method: string, path: string, security: readonly Record<string, readonly string[]>[]): AccessRow {
  const permission = (security[0] && (Object.values(security[0])[0]?.[0] as Permission)) ?? null;
  const isIn = (granted: ReadonlySet<Permission> | readonly Permission[]) =>
    permission === null || [...granted].includes(permission);
  return {
    method: method.toUpperCase(),
    path,
    permission,
    roles: ROLES.filter((role) => isIn(ROLE_PERMISSIONS[role])),
    rights: RIGHTS.filter((right) => isIn(RIGHT_PERMISSIONS[right])),
  };
}
