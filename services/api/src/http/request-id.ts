import { newRequestId, requestIdSchema } from '@millrace/contracts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { InvalidRequest } from './problem.ts';

const HEADER = 'X-Request-Id';

/** Gives every answer an id before anything can fail: the client's, where it sent a good one, else a fresh one.
 *  Routes of a job put the job's id in its place. */
export function installRequestIds(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header(HEADER, requestIdSchema.safeParse(request.headers['x-request-id']).data ?? newRequestId());
    done();
  });
}

/** The id that the answer carries already; a failure from before the hook gets its own. */
export function requestIdOf(request: FastifyRequest, reply: FastifyReply): string {
  const set = reply.getHeader(HEADER);
  if (typeof set === 'string') return set;
  return requestIdSchema.safeParse(request.headers?.['x-request-id']).data ?? newRequestId();
}

/** An answer about a job carries the job's id, whatever the client called the request. */
export function nameRequest(reply: FastifyReply, id: string): void {
  reply.header(HEADER, id);
}

/** Names the job that is there, by id and address. @see PROTOCOL.md §2 */
export function nameJob(reply: FastifyReply, id: string): void {
  reply.header(HEADER, id).header('Location', `/jobs/${id}`);
}

/** The id that the client chose for a new job.
 *  @throws InvalidRequest it is none */
export function chosenRequestId(request: FastifyRequest): string | null {
  const given = request.headers['x-request-id'];
  if (given === undefined) return null;
  const parsed = requestIdSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new InvalidRequest(`The header X-Request-Id ${parsed.error.issues[0]?.message ?? 'is malformed'}.`);
}

/** @throws InvalidRequest it is empty, too long or not printable */
export function idempotencyKeyOf(request: FastifyRequest): string | null {
  const given = request.headers['idempotency-key'];
  if (given === undefined) return null;
  if (typeof given === 'string' && /^[\x20-\x7e]{1,255}$/.test(given)) return given;
  throw new InvalidRequest('The header Idempotency-Key must be 1 to 255 printable ASCII characters.');
}
