import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Public } from '../auth/access.ts';
import { Metrics } from '../health/metrics.ts';
import { Readiness } from '../health/readiness.ts';

/** For operators. @see PROTOCOL.md §8 */
@Public()
@Controller()
export class HealthController {
  constructor(
    @Inject(Readiness) private readonly readiness: Readiness,
    @Inject(Metrics) private readonly metrics: Metrics,
  ) {}

  @Get('healthz')
  healthz() {
    return { status: 'ok' };
  }

  @Get('readyz')
  async readyz(@Res() reply: FastifyReply): Promise<void> {
    const obstacles = await this.readiness.obstacles();
    const ready = obstacles.length === 0;
    void reply.code(ready ? 200 : 503).send(ready ? { status: 'ready' } : { status: 'unready', obstacles });
  }

  @Get('metrics')
  async prometheus(@Res() reply: FastifyReply): Promise<void> {
    void reply.type(this.metrics.registry.contentType).send(await this.metrics.registry.metrics());
  }
}
