import { type CanActivate, type ExecutionContext, Inject, Injectable, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { Authenticator } from './authenticator.ts';

const OPEN = 'millrace:open';

/** Marks a controller whose routes need no key. Everything else needs one: a forgotten mark closes, never opens. */
export const Open = () => SetMetadata(OPEN, true);

/** Finds out who calls, before the handler runs. */
@Injectable()
export class AuthGuard implements CanActivate {
  constructor(
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {}

  /** @throws Unauthenticated */
  canActivate(context: ExecutionContext): boolean {
    if (this.reflector.getAllAndOverride<boolean>(OPEN, [context.getHandler(), context.getClass()])) return true;
    this.authenticator.identify(context.switchToHttp().getRequest<FastifyRequest>());
    return true;
  }
}
