/** What a caller may do. `tenants:all` extends the others to the jobs and threads of all tenants. */
export type Permission =
  | 'job:create'
  | 'job:read'
  | 'job:watch'
  | 'job:cancel'
  | 'jobs:cancel'
  | 'thread:create'
  | 'thread:read'
  | 'thread:delete'
  | 'tenants:all';

const USER: readonly Permission[] = [
  ...(['job:create', 'job:read', 'job:watch', 'job:cancel'] as const),
  ...(['thread:create', 'thread:read', 'thread:delete'] as const),
];

/** What the roles of API keys may do. */
export const ROLE_PERMISSIONS: Readonly<Record<'user' | 'admin', ReadonlySet<Permission>>> = {
  user: new Set(USER),
  admin: new Set([...USER, 'jobs:cancel', 'tenants:all']),
};
