import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Permission } from './permissions.ts';
import type { Scope } from './scope.ts';

/** Who sends a request, and what the credential allows. */
export interface Caller {
  readonly tenant: string;
  /** passed on to agents; the permissions decide */
  readonly role: string;
  /** whom the credential names; null for nobody */
  readonly subject: string | null;
  readonly permissions: ReadonlySet<Permission>;
  /** the only jobs and threads that the credential is for; null: all that the permissions reach */
  readonly scope: Scope | null;
  readonly credential: Credential;
}

/** How long a credential holds. A stream ends with the credential that opened it. */
export interface Credential {
  /** by which it can be revoked; null: it cannot be */
  readonly id: string | null;
  /** ms since the epoch; null: never */
  readonly expiresAt: number | null;
}

/** of whoever needs no credential, and of the keys of the settings */
export const LASTING: Credential = { id: null, expiresAt: null };

declare module 'fastify' {
  interface FastifyRequest {
    /** null until the request is authenticated, and always on public routes */
    caller: Caller | null;
  }
}

/** The caller, as a parameter of a handler.
 *  @throws Error the route is public: a mistake in the code */
export const TheCaller = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const { caller } = context.switchToHttp().getRequest<FastifyRequest>();
  if (caller === null) throw new Error('a public route has no caller');
  return caller;
});
