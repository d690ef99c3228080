import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Requires } from '../auth/access.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { ServiceWatch } from '../console/service-watch.ts';
import { negotiate } from '../http/accept.ts';

/** What the console shows. It is for the console of the same release, and may change with it. */
@Controller('console')
export class ConsoleController {
  constructor(@Inject(ServiceWatch) private readonly watch: ServiceWatch) {}

  @Get('now')
  @Requires('service:read')
  now(@TheCaller() caller: Caller, @Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    negotiate(request.headers.accept, ['text/event-stream']);
    this.watch.open(reply, caller);
  }
}
