import { threadIdSchema } from '@millrace/contracts';
import type { PipeTransform } from '@nestjs/common';
import { ThreadNotFound } from '../http/problem.ts';

/** The thread id in a path. An id that no thread can have is treated as unknown. */
export class ThreadIdPipe implements PipeTransform<unknown, string> {
  /** @throws ThreadNotFound */
  transform(value: unknown): string {
    const parsed = threadIdSchema.safeParse(value);
    if (!parsed.success) throw new ThreadNotFound();
    return parsed.data;
  }
}
