import { requestIdSchema } from '@millrace/contracts';
import { JobNotFound } from '@millrace/stream-log';
import { Optional, type PipeTransform } from '@nestjs/common';

/** The job id in a path. An id that no job can have is treated as unknown. */
export class JobIdPipe implements PipeTransform<unknown, string> {
  /** @param prefix that a protocol adds to the ids of its answers; a bare id is understood as well */
  constructor(@Optional() private readonly prefix = '') {}

  /** @throws JobNotFound */
  transform(value: unknown): string {
    const given = String(value);
    const parsed = requestIdSchema.safeParse(given.startsWith(this.prefix) ? given.slice(this.prefix.length) : given);
    if (!parsed.success) throw new JobNotFound(given);
    return parsed.data;
  }
}
