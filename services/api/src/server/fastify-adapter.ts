import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { newRequestId } from '@millrace/contracts';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { ConnectionError, FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Metrics } from '../health/metrics.ts';
import { problemBody } from '../http/problem.filter.ts';
import { installRequestIds } from '../http/request-id.ts';
import { httpProblem, toProblem } from '../http/to-problem.ts';
import type { ApiSettings } from '../settings.ts';
import { takeOnlyJson } from './json-body.ts';
import { refuseUnknownRoutes } from './known-methods.ts';
import { sliceLargeAnswers } from './large-answers.ts';
import { refuseForeignPages } from './own-hosts.ts';
import { refuseAmbiguousHeads } from './request-head.ts';
import { AnswersInTurn } from './serial-requests.ts';
import { StalledReaders } from './stalled-readers.ts';
import { takeRefusedBodies } from './unread-body.ts';

/** A request must have come in whole by then; the answer may take as long as it likes. */
const REQUEST_TIMEOUT_MS = 30_000;
/** How often it is looked for requests that are late. */
const LATE_CHECK_MS = 2_000;

/** No id is longer than a head may be: one that no job can have is unknown, not too long. */
const MAX_ID_CHARS = 16_384;

/** Fastify as this service wants it: JSON bodies of bounded size, an id on every answer, no logging of its own (a
 *  request's path and query are nobody's business). */
export function fastifyAdapter(settings: ApiSettings): FastifyAdapter {
  const answers = new AnswersInTurn();
  const adapter = new FastifyAdapter({
    bodyLimit: settings.MILLRACE_MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: {
      // said here too: Fastify sets it on a server that was made without it, and Node then looks at heads alone
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: LATE_CHECK_MS,
      // without a Host Node answers by itself, with nothing: `refuseAmbiguousHeads` says what is wrong
      requireHostHeader: false,
    },
    // who a client behind a proxy is, for the log alone: as nginx has it, senders in private networks are believed
    trustProxy: 'loopback,linklocal,uniquelocal',
    routerOptions: { maxParamLength: MAX_ID_CHARS },
    // by then streams have been ended and requests answered; Node takes a connection that has never been used for busy
    forceCloseConnections: true,
    clientErrorHandler: (error, socket) => refuseConnection(error, socket, answers.current(socket)),
    frameworkErrors: (error: FastifyError, _: FastifyRequest, reply: FastifyReply) => {
      sendProblem(reply, error);
    },
  });
  const fastify = adapter.getInstance();
  answers.install(fastify);
  new StalledReaders(fastify, settings.MILLRACE_STALL_TIMEOUT_MS);
  sliceLargeAnswers(fastify);
  takeOnlyJson(fastify);
  takeRefusedBodies(fastify);
  passOverExpectations(fastify);
  installRequestIds(fastify);
  installSafeHeaders(fastify);
  refuseAmbiguousHeads(fastify);
  refuseForeignPages(fastify, settings);
  refuseUnknownRoutes(fastify);
  return adapter;
}

function installSafeHeaders(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    // bare text is what a model said: no browser shall take it for a page
    reply.header('X-Content-Type-Options', 'nosniff');
    // a job changes until its end, and is one tenant's affair; streams say more (PROTOCOL.md §2)
    if (/^\/(jobs|api)\b/.test(request.url)) reply.header('Cache-Control', 'no-store');
    done();
  });
}

/** An `Expect` other than `100-continue` may be ignored (RFC 9110 §10.1.1); Node would answer 417 with nothing. */
function passOverExpectations(fastify: FastifyInstance): void {
  fastify.server.on('checkExpectation', (request, response) => fastify.server.emit('request', request, response));
}

/** Answers what is no HTTP request that could be routed: the parser gave up, and no hook or filter ever runs.
 *  @param current the request that is being answered on this connection. When it had come in whole, the fault is in what
 *    came behind it, and an answer now would be taken for its own */
function refuseConnection(error: ConnectionError, socket: Socket, current: FastifyRequest | undefined): void {
  if (error.code === 'ECONNRESET' || !socket.writable || current?.raw.complete === true) {
    socket.destroy();
    return;
  }
  const status = CLIENT_ERROR_STATUS[error.code] ?? 400;
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

const CLIENT_ERROR_STATUS: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
};

/** Measures requests that were answered whole. */
export function installRequestMetrics(adapter: FastifyAdapter, metrics: Metrics): void {
  adapter.getInstance().addHook('onResponse', (request, reply, done) => {
    const isStream = reply.getHeader('x-accel-buffering') === 'no';
    const route = request.routeOptions.url ?? 'none';
    if (!isStream) metrics.answered(request.method, route, reply.statusCode, reply.elapsedTime);
    done();
  });
}

// the router refuses a malformed path before any hook or filter runs
function sendProblem(reply: FastifyReply, error: unknown): void {
  const requestId = newRequestId();
  const problem = toProblem(error);
  reply
    .code(problem.status)
    .header('X-Request-Id', requestId)
    .header('X-Content-Type-Options', 'nosniff')
    .type('application/problem+json')
    .serializer((body: string) => body)
    .send(JSON.stringify(problemBody(problem, requestId)));
}
