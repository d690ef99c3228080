import { exposeMetrics } from '@millrace/runtime';
import { Controller, Get, Headers, Inject, Res, ServiceUnavailableException } from '@nestjs/common';
import { WorkerMetrics } from '../attempt/metrics.ts';
import { PipelineAnnouncer } from '../pipelines/announcer.ts';
import { JobConsumers } from '../queue/job-consumers.ts';

interface Readiness {
  readonly consuming: boolean;
  readonly listening: boolean;
  readonly announced: boolean;
  /** in the order of their numbers; left out where there is one */
  readonly shards?: JobConsumers['services'];
}

interface ReplyHead {
  header(name: string, value: string): unknown;
}

/** Endpoints for an orchestrator and Prometheus. @see PROTOCOL.md §8 */
@Controller()
export class HealthController {
  constructor(
    @Inject(JobConsumers) readonly consumers: Pick<JobConsumers, 'services'>,
    @Inject(PipelineAnnouncer) readonly announcer: Pick<PipelineAnnouncer, 'announced'>,
    @Inject(WorkerMetrics) readonly metrics: WorkerMetrics,
  ) {}

  /** The process is alive. */
  @Get('healthz')
  healthz(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** The worker consumes jobs, receives cancels, and the API knows its pipelines; 503 otherwise, and during shutdown. Of several shards
   *  one is enough: the others are no better off without this worker. */
  @Get('readyz')
  readyz(): Readiness {
    const { announced } = this.announcer;
    const shards = this.consumers.services;
    const service = {
      consuming: shards.some(({ consuming }) => consuming),
      listening: shards.some(({ listening }) => listening),
      announced,
    };
    const readiness = shards.length === 1 ? service : { ...service, shards };
    const serves = shards.some(({ consuming, listening }) => consuming && listening);
    if (!serves || !announced) throw new ServiceUnavailableException(readiness);
    return readiness;
  }

  @Get('metrics')
  async exposition(
    @Headers('accept') accept: string | undefined,
    @Res({ passthrough: true }) reply: ReplyHead,
  ): Promise<string> {
    const { registry } = this.metrics;
    const { contentType, text } = await exposeMetrics({ registries: [registry], service: 'worker', accept });
    reply.header('vary', 'Accept');
    reply.header('content-type', contentType);
    return text;
  }
}
