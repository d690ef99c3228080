import { requestIdSchema } from '@millrace/contracts';
import { JobNotFound } from '@millrace/stream-log';
import type { PipeTransform } from '@nestjs/common';

/** The job id in a path. An id that no job can have is treated as unknown. */
export class JobIdPipe implements PipeTransform<unknown, string> {
  /** @throws JobNotFound */
  transform(value: unknown): string {
    const parsed = requestIdSchema.safeParse(value);
    if (!parsed.success) throw new JobNotFound(String(value));
    return parsed.data;
  }
}
