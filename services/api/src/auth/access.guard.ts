import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Forbidden } from '../http/problem.ts';
import { rateLimitHeaders } from '../http/rate-limit.ts';
import { AUTHENTICATOR, REQUEST_COUNTER } from '../tokens.ts';
import { accessOf } from './access.ts';
import type { Authenticator } from './authenticator.ts';
import { UNCOUNTED } from './permissions.ts';
import type { RequestCounter } from './request-counter.ts';

/** Lets a request through to its handler only if the caller has the permission that the route requires, and has not
 *  sent too many. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    @Inject(AUTHENTICATOR) private readonly authenticator: Authenticator,
    @Inject(REQUEST_COUNTER) private readonly requests: RequestCounter,
  ) {}

  /** @throws Unauthenticated, Forbidden, TooManyRequests */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const access = accessOf(context.getClass(), context.getHandler());
    if (access === 'public') return true;
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    // a request that may have a body is authenticated already
    request.caller ??= await this.authenticator.authenticate(request);
    if (!request.caller.permissions.has(access)) throw new Forbidden(access);
    const state = UNCOUNTED.has(access) ? null : await this.requests.take(request.caller.tenant);
    if (state !== null) http.getResponse<FastifyReply>().headers(rateLimitHeaders(state));
    return true;
  }
}
