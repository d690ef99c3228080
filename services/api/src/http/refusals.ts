import type { ProblemCode } from '@millrace/contracts';
import type { FastifyRequest } from 'fastify';

const refusals = new WeakMap<FastifyRequest, ProblemCode>();

/** To be called with the problem that a request is answered with. */
export function noteRefusal(request: FastifyRequest, code: ProblemCode): void {
  refusals.set(request, code);
}

/** @returns what the request was answered with; undefined: no problem */
export function refusalOf(request: FastifyRequest): ProblemCode | undefined {
  return refusals.get(request);
}
