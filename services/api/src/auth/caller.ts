import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Permission } from './permissions.ts';

/** Who sends a request, and what the credential allows. */
export interface Caller {
  readonly tenant: string;
  /** passed on to agents; the permissions decide */
  readonly role: string;
  /** whom the credential names; null for nobody */
  readonly subject: string | null;
  readonly permissions: ReadonlySet<Permission>;
  /** when the credential expires, ms since the epoch; null: never. A stream ends then */
  readonly expiresAt: number | null;
}

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
