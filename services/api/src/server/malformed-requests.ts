import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { newRequestId } from '@millrace/contracts';
import type { ConnectionError, FastifyReply, FastifyRequest } from 'fastify';
import { errorAnswer, problemBody } from '../http/error-forms.ts';
import { httpProblem, toProblem } from '../http/to-problem.ts';

const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
};

/** Answers a request that Node could not parse, which no hook and no filter sees.
 *  @param current the request that this connection is answering. If it has arrived whole, the fault is in what follows
 *    it, and an answer sent now would be taken for its answer */
export function refuseMalformedRequest(
  error: ConnectionError,
  socket: Socket,
  current: FastifyRequest | undefined,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable || current?.raw.complete === true) {
    socket.destroy();
    return;
  }
  const status = STATUS_BY_CODE[error.code] ?? 400;
  const requestId = newRequestId();
  const body = JSON.stringify(problemBody(httpProblem(status), requestId));
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'Content-Type: application/problem+json',
      'X-Content-Type-Options: nosniff',
      `Content-Length: ${Buffer.byteLength(body)}`,
      `X-Request-Id: ${requestId}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}

/** Answers a request that the router refused, a malformed path for instance, before any hook or filter ran. */
export function answerFrameworkErrors(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const requestId = newRequestId();
  const answer = errorAnswer(toProblem(error), { url: request.raw.url ?? '', requestId, hasMadeJob: false });
  reply
    .code(answer.status)
    .headers(answer.headers)
    .header('X-Request-Id', requestId)
    .header('X-Content-Type-Options', 'nosniff')
    .type(answer.contentType)
    .serializer((body: string) => body)
    .send(answer.body);
}
