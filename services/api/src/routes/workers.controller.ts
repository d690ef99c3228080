import { Controller, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { z } from 'zod';
import { Requires } from '../auth/access.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { QueueControl } from '../console/queue-control.ts';
import { Workers, type WorkerView } from '../console/workers.ts';
import { ZodPipe } from '../http/zod-pipe.ts';

/** The id of a worker in a path. */
export const workerIdSchema = z.uuid('must be the id of a worker');

/** Workers, and the queue that they take jobs from. @see PROTOCOL.md §5, §8 */
@Controller()
export class WorkersController {
  constructor(
    @Inject(Workers) private readonly workers: Workers,
    @Inject(QueueControl) private readonly queue: QueueControl,
  ) {}

  @Get('workers')
  @Requires('service:read')
  async list(): Promise<{ items: WorkerView[]; nextCursor: null }> {
    return { items: await this.workers.list(), nextCursor: null };
  }

  @Post('workers/:id/drain')
  @HttpCode(200)
  @Requires('service:manage')
  drain(@Param('id', new ZodPipe(workerIdSchema)) id: string, @TheCaller() caller: Caller): Promise<WorkerView> {
    return this.workers.drain(id, caller);
  }

  @Post('workers/:id/resume')
  @HttpCode(200)
  @Requires('service:manage')
  resume(@Param('id', new ZodPipe(workerIdSchema)) id: string, @TheCaller() caller: Caller): Promise<WorkerView> {
    return this.workers.resume(id, caller);
  }

  @Post('queue/pause')
  @HttpCode(204)
  @Requires('service:manage')
  pauseQueue(@TheCaller() caller: Caller): Promise<void> {
    return this.queue.pause(caller);
  }

  @Post('queue/resume')
  @HttpCode(204)
  @Requires('service:manage')
  resumeQueue(@TheCaller() caller: Caller): Promise<void> {
    return this.queue.resume(caller);
  }
}
