import { MessageCollector, messagesField, messagesFormat, messagesRequest } from '@millrace/protocols';
import { Body, Controller, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Requires } from '../auth/access.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { Problem } from '../http/problem.ts';
import { ForeignJobs } from './foreign-jobs.ts';

/** Anthropic's Messages. @see docs/protocols.md */
@Controller('v1/messages')
export class AnthropicController {
  constructor(@Inject(ForeignJobs) private readonly jobs: ForeignJobs) {}

  @Post()
  @Requires('job:create')
  async create(
    @Body() body: unknown,
    @TheCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { job, streams } = messagesRequest(body);
    const exchange = { request, reply };
    const asked = { caller, body: job, fieldOf: messagesField };
    if (streams) await this.jobs.stream(exchange, asked, messagesFormat);
    else await this.jobs.whole(exchange, asked, (streamed) => new MessageCollector(streamed));
  }

  /** @throws Problem always: nobody here knows the tokenizer of a model */
  @Post('count_tokens')
  @Requires('job:create')
  countTokens(): void {
    throw new Problem('INVALID_REQUEST', 'Tokens cannot be counted here.', { status: 501 });
  }
}
