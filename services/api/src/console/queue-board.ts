import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { accessOf, Requires } from '../auth/access.ts';
import type { Authenticator } from '../auth/authenticator.ts';
import type { Caller } from '../auth/caller.ts';
import { ConsoleSessions } from '../credentials/console-sessions.ts';
import { Forbidden } from '../http/problem.ts';
import { ShownQueues } from '../jobs/queue/shown-queues.ts';
import { AUTHENTICATOR } from '../tokens.ts';
import { QUEUES_PATH, sessionSecretOf } from './session-cookie.ts';

/** Its own parts set styles inline, and it names its own address in `<base>`. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const LINKS = /<link [^<>]*>/g;

/** Bull Board without the routes that change something: what it removed or retried would bypass the log (law 1). */
class ReadingAdapter extends FastifyAdapter {
  override setApiRoutes(routes: Parameters<FastifyAdapter['setApiRoutes']>[0]): this {
    super.setApiRoutes(routes.filter(({ method }) => method === 'get'));
    return this;
  }
}

/** Who may see the queues: whoever has the permission, by a session or like on any other route. */
export class QueueBoard {
  constructor(
    private readonly sessions: ConsoleSessions,
    private readonly authenticator: Authenticator,
  ) {}

  /** @throws Unauthenticated, Forbidden */
  @Requires('service:read')
  async admit(request: FastifyRequest): Promise<void> {
    const access = accessOf(QueueBoard, QueueBoard.prototype.admit);
    const caller = await this.#callerOf(request);
    if (access !== 'public' && !caller.permissions.has(access)) throw new Forbidden(access);
  }

  async #callerOf(request: FastifyRequest): Promise<Caller> {
    const secret = sessionSecretOf(request);
    const hasHeader = request.headers.authorization !== undefined || request.headers['x-api-key'] !== undefined;
    if (secret === null || hasHeader) return this.authenticator.authenticate(request);
    // browsers send it for pages of the same site, too
    const { 'sec-fetch-site': site = 'none' } = request.headers;
    const caller = site === 'none' || site === 'same-origin' ? await this.sessions.find(secret) : null;
    // without a session it is a request like any other, which perhaps needs no credential
    return caller ?? this.authenticator.authenticate(request);
  }
}

/** Shows what the queues of BullMQ hold, at `/console/queues`. Costs nothing while nobody looks. */
export async function installQueueBoard(nest: NestFastifyApplication): Promise<void> {
  const board = new QueueBoard(nest.get(ConsoleSessions), nest.get<Authenticator>(AUTHENTICATOR));
  const serverAdapter = new ReadingAdapter().setBasePath(QUEUES_PATH);
  const queues = nest.get(ShownQueues).all();
  createBullBoard({
    queues: queues.map((queue) => new BullMQAdapter(queue, { readOnlyMode: true })),
    serverAdapter,
    options: { uiConfig: { boardTitle: 'Millrace queues', hideDocsLink: true } },
  });
  const root: FastifyInstance = nest.getHttpAdapter().getInstance();
  await root.register(
    (scope, _options, done) => {
      // its own handler would show the texts of errors
      scope.addHook('onRoute', (route) => {
        route.errorHandler = (error, request, reply) => root.errorHandler(error, request, reply);
      });
      scope.addHook('onRequest', async (request, reply) => {
        void reply.header('Content-Security-Policy', CONTENT_SECURITY_POLICY).header('Referrer-Policy', 'no-referrer');
        await board.admit(request);
      });
      scope.addHook('onSend', async (_request, reply: FastifyReply, body) => {
        const isPage = typeof body === 'string' && String(reply.getHeader('content-type')).startsWith('text/html');
        return isPage ? body.replaceAll(LINKS, (link) => (isForeign(link) ? '' : link)) : body;
      });
      scope.register(serverAdapter.registerPlugin());
      done();
    },
    { prefix: QUEUES_PATH },
  );
}

/** Whether it loads something of another host, such as a font: the policy would refuse it. */
function isForeign(link: string): boolean {
  return link.includes('href="//') || link.includes('href="http');
}
