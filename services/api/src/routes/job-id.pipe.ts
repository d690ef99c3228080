import { requestIdSchema } from '@millrace/contracts';
import type { PipeTransform } from '@nestjs/common';
import { UnknownJob } from '../http/problem.ts';

/** The job id in a path. An id that no job can have is treated as unknown. */
export class JobIdPipe implements PipeTransform<unknown, string> {
  /** @throws UnknownJob */
  transform(value: unknown): string {
    const parsed = requestIdSchema.safeParse(value);
    if (!parsed.success) throw new UnknownJob();
    return parsed.data;
  }
}
