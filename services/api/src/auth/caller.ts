import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Forbidden } from '../http/problem.ts';

/** Who makes a request. */
export interface Caller {
  readonly tenant: string;
  readonly isAdmin: boolean;
}

const callers = new WeakMap<FastifyRequest, Caller>();

export function rememberCaller(request: FastifyRequest, caller: Caller): void {
  callers.set(request, caller);
}

export function knownCaller(request: FastifyRequest): Caller | undefined {
  return callers.get(request);
}

/** @throws Error the route is open, so nobody asked who calls: a mistake in the code */
function callerOf(request: FastifyRequest): Caller {
  const caller = knownCaller(request);
  if (caller === undefined) throw new Error('an open route has no caller');
  return caller;
}

/** The caller, as a parameter of a handler. */
export const TheCaller = createParamDecorator((_: unknown, context: ExecutionContext) =>
  callerOf(context.switchToHttp().getRequest<FastifyRequest>()),
);

/** @throws Forbidden */
export function requireAdmin(caller: Caller): void {
  if (!caller.isAdmin) throw new Forbidden();
}
