import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Forbidden } from '../http/problem.ts';
import { AUTHENTICATOR } from '../tokens.ts';
import { accessOf } from './access.ts';
import type { Authenticator } from './authenticator.ts';

/** Lets a request through to its handler only if the caller has the permission that the route requires. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(@Inject(AUTHENTICATOR) private readonly authenticator: Authenticator) {}

  /** @throws Unauthenticated, Forbidden */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const access = accessOf(context.getClass(), context.getHandler());
    if (access === 'public') return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    // a request that may have a body is authenticated already
    request.caller ??= await this.authenticator.authenticate(request);
    if (!request.caller.permissions.has(access)) throw new Forbidden(access);
    return true;
  }
}
