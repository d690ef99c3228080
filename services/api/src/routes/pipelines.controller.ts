import { Controller, Get, Inject } from '@nestjs/common';
import { Requires } from '../auth/access.ts';
import { type PipelineList, Pipelines } from '../jobs/pipelines/pipelines.ts';

/** The pipelines that workers have announced. @see PROTOCOL.md §5 */
@Controller('pipelines')
export class PipelinesController {
  constructor(@Inject(Pipelines) private readonly pipelines: Pipelines) {}

  @Get()
  @Requires('job:read')
  list(): Promise<PipelineList> {
    return this.pipelines.list();
  }
}
