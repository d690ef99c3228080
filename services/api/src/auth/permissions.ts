/** What a caller may do. `tenants:all` extends the others to the jobs of all tenants. */
export type Permission = 'job:create' | 'job:read' | 'job:watch' | 'job:cancel' | 'jobs:cancel' | 'tenants:all';

/** What the roles of API keys may do. */
export const ROLE_PERMISSIONS: Readonly<Record<'user' | 'admin', ReadonlySet<Permission>>> = {
  user: new Set(['job:create', 'job:read', 'job:watch', 'job:cancel']),
  admin: new Set(['job:create', 'job:read', 'job:watch', 'job:cancel', 'jobs:cancel', 'tenants:all']),
};
