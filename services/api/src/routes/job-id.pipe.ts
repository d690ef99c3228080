import { requestIdSchema } from '@millrace/contracts';
import type { PipeTransform } from '@nestjs/common';
import { UnknownJob } from '../http/problem.ts';

/** The id in a path. One that no job can have is as unknown as one that none has. */
export class JobIdPipe implements PipeTransform<unknown, string> {
  /** @throws UnknownJob */
  transform(value: unknown): string {
    const parsed = requestIdSchema.safeParse(value);
    if (!parsed.success) throw new UnknownJob();
    return parsed.data;
  }
}
