import { newRequestId, requestIdSchema } from '@millrace/contracts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { InvalidRequest } from './problem.ts';

const HEADER = 'X-Request-Id';

/** Gives every answer an id before anything can fail: the client's if it is valid, otherwise a new one. Routes of a job
 *  replace it by the job's id. */
export function installRequestIds(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header(HEADER, requestIdSchema.safeParse(request.headers['x-request-id']).data ?? newRequestId());
    done();
  });
}

/** The request id of an answer. A failure before the hook gets a new one. */
export function requestIdOf(request: FastifyRequest, reply: FastifyReply): string {
  const set = reply.getHeader(HEADER);
  if (typeof set === 'string') return set;
  return requestIdSchema.safeParse(request.headers?.['x-request-id']).data ?? newRequestId();
}

/** Makes the job's id the request id of an answer, whatever id the client sent. */
export function nameRequest(reply: FastifyReply, jobId: string): void {
  reply.header(HEADER, jobId);
}

/** Adds the id and the path of a job to an answer. @see PROTOCOL.md §2 */
export function nameJob(reply: FastifyReply, jobId: string): void {
  reply.header(HEADER, jobId).header('Location', `/jobs/${jobId}`);
}

/** The id that the client chose for a new job.
 *  @returns null if it chose none
 *  @throws InvalidRequest it is malformed */
export function chosenRequestId(request: FastifyRequest): string | null {
  const given = request.headers['x-request-id'];
  if (given === undefined) return null;
  const parsed = requestIdSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new InvalidRequest(`The header X-Request-Id ${parsed.error.issues[0]?.message ?? 'is malformed'}.`);
}

/** @returns null if the client sent none
 *  @throws InvalidRequest it is empty, too long or not printable */
export function idempotencyKeyOf(request: FastifyRequest): string | null {
  const given = request.headers['idempotency-key'];
  if (given === undefined) return null;
  if (typeof given === 'string' && /^[\x20-\x7e]{1,255}$/.test(given)) return given;
  throw new InvalidRequest('The header Idempotency-Key must be 1 to 255 printable ASCII characters.');
}
