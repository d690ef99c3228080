import type { Logger } from '@millrace/runtime';
import { type ArgumentsHost, Catch, type ExceptionFilter, Inject } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LOGGER } from '../tokens.ts';
import { errorAnswer } from './error-forms.ts';
import { hasMadeJob } from './job-made.ts';
import type { Problem } from './problem.ts';
import { noteRefusal } from './refusals.ts';
import { requestIdOf } from './request-id.ts';
import { toProblem } from './to-problem.ts';

/** Turns every failure into an answer in the form of its path's protocol: `application/problem+json`, RFC 9457, unless the
 *  path is another one's. @see PROTOCOL.md §7 */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(@Inject(LOGGER) private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const reply = http.getResponse<FastifyReply>();
    const problem = toProblem(error);
    const request = http.getRequest<FastifyRequest>();
    const requestId = requestIdOf(request, reply);
    noteRefusal(request, problem.code);
    if (problem.status >= 500) this.#log(problem, requestId, error);
    if (reply.raw.headersSent) {
      // the status is out already: a broken body makes the client reconnect
      reply.raw.destroy();
      return;
    }
    const { url } = request;
    const answer = errorAnswer(problem, { url, requestId, hasMadeJob: hasMadeJob(request) });
    void reply
      .code(answer.status)
      .headers(answer.headers)
      .header('X-Request-Id', requestId)
      .header('Cache-Control', 'no-store')
      .type(answer.contentType)
      .serializer((body: string) => body)
      .send(answer.body);
  }

  #log({ code, cause }: Problem, requestId: string, error: unknown): void {
    this.logger.error({ requestId, code, err: cause ?? error }, 'failed');
  }
}
