import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { ApiSettings } from '../settings.ts';
import { acceptOnlyJson } from './json-body.ts';
import { refuseUnknownRoutes } from './known-methods.ts';
import { sliceLargeAnswers } from './large-answers.ts';
import { answerFrameworkErrors, refuseMalformedRequest } from './malformed-requests.ts';
import { refuseForeignPages } from './own-hosts.ts';
import { refuseAmbiguousHeads } from './request-head.ts';
import { installResponseHeaders } from './response-headers.ts';
import { SerialRequests } from './serial-requests.ts';
import type { StalledReaders } from './stalled-readers.ts';
import { drainRefusedBodies } from './unread-body.ts';

/** How long a client may take to send a whole request, milliseconds. The answer may take any time. */
const REQUEST_TIMEOUT_MS = 30_000;
/** How often to check for late requests, milliseconds. */
const LATE_CHECK_MS = 2_000;

/** The longest path parameter, characters. A header may be no longer, so an impossible id is unknown, not too long. */
const MAX_ID_CHARS = 16_384;

/** Fastify as this service needs it: JSON bodies of bounded size, an id on every answer, and no logging of its own,
 *  because paths and queries are private. */
export function fastifyAdapter(settings: ApiSettings, stalledReaders: StalledReaders): FastifyAdapter {
  const requests = new SerialRequests();
  const adapter = new FastifyAdapter({
    bodyLimit: settings.MILLRACE_MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: {
      // also set here: Fastify sets it after the server is made, and Node would then time the headers only
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: LATE_CHECK_MS,
      // without a Host, Node sends an empty answer: `refuseAmbiguousHeads` names the fault
      requireHostHeader: false,
    },
    // the client's address, used in logs only: like nginx, believe proxies in private networks
    trustProxy: 'loopback,linklocal,uniquelocal',
    routerOptions: { maxParamLength: MAX_ID_CHARS },
    // streams have ended and requests are answered by then; Node counts a connection that was never used as busy
    forceCloseConnections: true,
    clientErrorHandler: (error, socket) => refuseMalformedRequest(error, socket, requests.current(socket)),
    frameworkErrors: answerFrameworkErrors,
  });
  const fastify = adapter.getInstance();
  requests.install(fastify);
  stalledReaders.install(fastify);
  sliceLargeAnswers(fastify);
  acceptOnlyJson(fastify);
  drainRefusedBodies(fastify);
  // an `Expect` other than `100-continue` may be ignored (RFC 9110 §10.1.1); Node would send an empty 417
  fastify.server.on('checkExpectation', (request, response) => fastify.server.emit('request', request, response));
  installResponseHeaders(fastify);
  refuseAmbiguousHeads(fastify);
  refuseForeignPages(fastify, settings);
  refuseUnknownRoutes(fastify);
  return adapter;
}
