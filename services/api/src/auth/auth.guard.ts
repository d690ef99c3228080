import { type CanActivate, type ExecutionContext, Inject, Injectable, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { Unauthenticated } from '../http/problem.ts';
import type { ApiSettings } from '../settings.ts';
import { SETTINGS } from '../tokens.ts';
import { findApiKey } from './api-keys.ts';
import { type Caller, rememberCaller } from './caller.ts';

const OPEN = 'millrace:open';

/** Marks a controller whose routes need no key. Everything else needs one: a forgotten mark closes, never opens. */
export const Open = () => SetMetadata(OPEN, true);

const EVERYBODY: Caller = { tenant: 'default', isAdmin: true };

// the scheme is case-insensitive, RFC 9110 §11.1
const BEARER = /^Bearer +([\x21-\x7e]+) *$/i;

/** Finds out who calls, before the handler runs. */
@Injectable()
export class AuthGuard implements CanActivate {
  constructor(
    @Inject(SETTINGS) private readonly settings: ApiSettings,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {}

  /** @throws Unauthenticated */
  canActivate(context: ExecutionContext): boolean {
    if (this.reflector.getAllAndOverride<boolean>(OPEN, [context.getHandler(), context.getClass()])) return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    rememberCaller(request, this.identify(request.headers.authorization));
    return true;
  }

  private identify(authorization: string | undefined): Caller {
    if (this.settings.MILLRACE_AUTH !== 'apikey') return EVERYBODY;
    const secret = BEARER.exec(authorization ?? '')?.[1];
    const key = secret === undefined ? null : findApiKey(this.settings.MILLRACE_API_KEYS, secret);
    if (key === null) throw new Unauthenticated();
    return { tenant: key.tenant, isAdmin: key.role === 'admin' };
  }
}
