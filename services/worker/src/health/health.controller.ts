import { exposeMetrics } from '@millrace/runtime';
import type { ChannelHub } from '@millrace/stream-log';
import { Controller, Get, Headers, Inject, Res, ServiceUnavailableException } from '@nestjs/common';
import { WorkerMetrics } from '../attempt/metrics.ts';
import { PipelineAnnouncer } from '../pipelines/announcer.ts';
import { JobConsumer } from '../queue/job-consumer.ts';
import { CONTROL_HUB } from '../tokens.ts';

interface Readiness {
  readonly consuming: boolean;
  readonly listening: boolean;
  readonly announced: boolean;
}

interface ReplyHead {
  header(name: string, value: string): unknown;
}

/** Endpoints for an orchestrator and Prometheus. @see PROTOCOL.md §8 */
@Controller()
export class HealthController {
  constructor(
    @Inject(JobConsumer) readonly consumer: Pick<JobConsumer, 'consuming'>,
    @Inject(CONTROL_HUB) readonly hub: Pick<ChannelHub, 'ready'>,
    @Inject(PipelineAnnouncer) readonly announcer: Pick<PipelineAnnouncer, 'announced'>,
    @Inject(WorkerMetrics) readonly metrics: WorkerMetrics,
  ) {}

  /** The process is alive. */
  @Get('healthz')
  healthz(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** The worker consumes jobs, receives cancels, and the API knows its pipelines; 503 otherwise, and during shutdown. */
  @Get('readyz')
  readyz(): Readiness {
    const { announced } = this.announcer;
    const readiness = { consuming: this.consumer.consuming, listening: this.hub.ready, announced };
    if (!Object.values(readiness).every(Boolean)) throw new ServiceUnavailableException(readiness);
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
