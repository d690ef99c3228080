import { hostname } from 'node:os';
import { exposeMetrics } from '@millrace/runtime';
import { Controller, Get, Header, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../auth/access.ts';
import { Metrics } from '../health/metrics.ts';
import { Readiness } from '../health/readiness.ts';
import { ServiceMetrics } from '../health/service-metrics.ts';
import type { ApiSettings } from '../settings.ts';
import { SETTINGS } from '../tokens.ts';

/** For operators. @see PROTOCOL.md §8 */
@Public()
@Controller()
export class HealthController {
  constructor(
    @Inject(Readiness) private readonly readiness: Readiness,
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(ServiceMetrics) private readonly service: ServiceMetrics,
    @Inject(SETTINGS) private readonly settings: Pick<ApiSettings, 'MILLRACE_HEARTBEAT_MS'>,
  ) {}

  @Get('healthz')
  healthz() {
    return { status: 'ok' };
  }

  @Get('readyz')
  async readyz(@Res() reply: FastifyReply): Promise<void> {
    const { obstacles, lostShards } = await this.readiness.report();
    const ready = obstacles.length === 0;
    const lost = ready && lostShards.length > 0 ? { lostShards } : {};
    void reply.code(ready ? 200 : 503).send(ready ? { status: 'ready', ...lost } : { status: 'unready', obstacles });
  }

  @Get('metrics')
  async prometheus(@Req() { headers: { accept } }: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const ofService = await this.service.current();
    const registries = [this.metrics.registry, ...(ofService === null ? [] : [ofService])];
    const { contentType, text } = await exposeMetrics({ registries, service: 'api', accept });
    void reply.header('Vary', 'Accept').type(contentType).send(text);
  }

  /** How this request has reached the node: what stands between shows itself there. */
  @Get('connection')
  @Header('Cache-Control', 'no-store')
  connection(@Req() request: FastifyRequest) {
    const { httpVersion } = request.raw;
    return {
      node: hostname(),
      time: new Date().toISOString(),
      httpVersion,
      heartbeatMs: this.settings.MILLRACE_HEARTBEAT_MS,
    };
  }
}
