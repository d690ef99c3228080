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
  | 'limits:read'
  | 'limits:set'
  | 'job:inspect'
  | 'service:read'
  | 'service:manage'
  | 'tokens:manage'
  | 'keys:manage'
  | 'tenants:all';

const USER: readonly Permission[] = [
  ...(['job:create', 'job:read', 'job:watch', 'job:cancel'] as const),
  ...(['thread:create', 'thread:read', 'thread:delete'] as const),
];
const MANAGER: readonly Permission[] = [
  ...USER,
  'tokens:manage',
  'data:erase',
  'usage:read',
  'limits:read',
  'job:inspect',
];
const ADMIN: readonly Permission[] = [
  ...MANAGER,
  'jobs:cancel',
  'keys:manage',
  'limits:set',
  'service:read',
  'service:manage',
  'tenants:erase',
  'tenants:all',
];

/** What each role may do: `user` with jobs and threads of the own tenant, `manager` with its access, `admin` everything. */
export const ROLE_PERMISSIONS: Readonly<Record<Role, ReadonlySet<Permission>>> = {
  user: new Set(USER),
  manager: new Set(MANAGER),
  admin: new Set(ADMIN),
};

/** What is never refused because there were too many requests: watching, which has a limit of its own, whatever ends
 *  something or changes who may what, and what operators need to see who sends too many. */
export const UNCOUNTED: ReadonlySet<Permission> = new Set([
  ...(['job:watch', 'job:cancel', 'jobs:cancel'] as const),
  ...(['tokens:manage', 'keys:manage', 'limits:read', 'limits:set', 'service:read', 'service:manage'] as const),
]);
