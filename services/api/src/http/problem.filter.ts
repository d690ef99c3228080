import type { Logger } from '@millrace/runtime';
import { type ArgumentsHost, Catch, type ExceptionFilter, Inject } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LOGGER } from '../tokens.ts';
import { PROBLEMS, type Problem } from './problem.ts';
import { requestIdOf } from './request-id.ts';
import { toProblem } from './to-problem.ts';

/** Turns every failure into an answer: `application/problem+json`, RFC 9457. @see PROTOCOL.md §7 */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(@Inject(LOGGER) private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const reply = http.getResponse<FastifyReply>();
    const problem = toProblem(error);
    const requestId = requestIdOf(http.getRequest<FastifyRequest>(), reply);
    if (problem.status >= 500) this.#log(problem, requestId, error);
    if (reply.raw.headersSent) {
      // the status is out already: a broken body makes the client reconnect
      reply.raw.destroy();
      return;
    }
    void reply
      .code(problem.status)
      .headers(problem.options.headers ?? {})
      .header('X-Request-Id', requestId)
      .header('Cache-Control', 'no-store')
      .type('application/problem+json')
      .serializer((body: string) => body)
      .send(JSON.stringify(problemBody(problem, requestId)));
  }

  #log({ code, cause }: Problem, requestId: string, error: unknown): void {
    this.logger.error({ requestId, code, err: cause ?? error }, 'failed');
  }
}

/** The members of RFC 9457, and our own. */
export function problemBody(problem: Problem, requestId: string) {
  return {
    type: `urn:millrace:problem:${problem.code.toLowerCase().replaceAll('_', '-')}`,
    title: PROBLEMS[problem.code].title,
    status: problem.status,
    detail: problem.detail,
    code: problem.code,
    requestId,
    ...(problem.options.errors === undefined ? {} : { errors: problem.options.errors }),
  };
}
