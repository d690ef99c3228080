import { Controller, Delete, Header, HttpCode, Inject, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Requires } from '../auth/access.ts';
import { AuditLog } from '../auth/audit-log.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { sessionCookie } from '../console/session-cookie.ts';
import { ConsoleSessions } from '../credentials/console-sessions.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { credentialIdSchema } from './access-requests.ts';

/** Exchanges the credential of an admin for a cookie, for `/console/queues` alone. */
@Controller('console/session')
export class ConsoleSessionController {
  constructor(
    @Inject(ConsoleSessions) private readonly sessions: ConsoleSessions,
    @Inject(AuditLog) private readonly audit: AuditLog,
  ) {}

  @Post()
  @Requires('service:read')
  @Header('Cache-Control', 'no-store')
  async open(
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<{ id: string; expiresAt: string }> {
    const session = await this.sessions.open(caller);
    this.audit.record(caller, { action: 'session.open', tenant: caller.tenant, target: session.id });
    reply.header('Set-Cookie', sessionCookie(request, session));
    return { id: session.id, expiresAt: new Date(session.expiresAt).toISOString() };
  }

  @Delete(':id')
  @HttpCode(204)
  @Requires('service:read')
  async end(
    @Param('id', new ZodPipe(credentialIdSchema)) id: string,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    await this.sessions.end(caller.tenant, id);
    this.audit.record(caller, { action: 'session.end', tenant: caller.tenant, target: id });
    reply.header('Set-Cookie', sessionCookie(request, { secret: '', expiresAt: 0 }));
  }
}
