import { Controller, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { Requires } from '../auth/access.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { JobIdPipe } from '../routes/job-id.pipe.ts';
import { KillWorker } from './kill-worker.ts';

/** What the page of `npm start` shows off. */
@Controller('demonstration')
export class DemonstrationController {
  constructor(@Inject(KillWorker) private readonly killWorker: KillWorker) {}

  @Post('jobs/:id/kill-worker')
  @HttpCode(202)
  @Requires('job:cancel')
  async kill(@Param('id', JobIdPipe) jobId: string, @TheCaller() caller: Caller): Promise<void> {
    await this.killWorker.run({ jobId, caller });
  }
}
