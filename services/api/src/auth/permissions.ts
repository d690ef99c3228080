import type { Role } from '../api-keys.ts';

/** What a caller may do. `tenants:all` extends the others to all tenants. */
export type Permission =
  | 'job:create'
  | 'job:read'
  | 'job:watch'
  | 'job:cancel'
  | 'jobs:cancel'
  | 'thread:create'
  | 'thread:read'
  | 'thread:delete'
  | 'data:erase'
  | 'tenants:erase'
  | 'usage:read'
  | 'tokens:manage'
  | 'keys:manage'
  | 'tenants:all';

const USER: readonly Permission[] = [
  ...(['job:create', 'job:read', 'job:watch', 'job:cancel'] as const),
  ...(['thread:create', 'thread:read', 'thread:delete'] as const),
];
const MANAGER: readonly Permission[] = [...USER, 'tokens:manage', 'data:erase', 'usage:read'];
const ADMIN: readonly Permission[] = [...MANAGER, 'jobs:cancel', 'keys:manage', 'tenants:erase', 'tenants:all'];

/** What each role may do: `user` with jobs and threads of the own tenant, `manager` with its access, `admin` everything. */
export const ROLE_PERMISSIONS: Readonly<Record<Role, ReadonlySet<Permission>>> = {
  user: new Set(USER),
  manager: new Set(MANAGER),
  admin: new Set(ADMIN),
};
