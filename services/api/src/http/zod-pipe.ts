import type { PipeTransform } from '@nestjs/common';
import type { z } from 'zod';
import { type Complaint, InvalidRequest } from './problem.ts';

/** Validates a body or a query string; every complaint says where it is, as a JSON pointer. */
export class ZodPipe<S extends z.ZodType> implements PipeTransform<unknown, z.output<S>> {
  constructor(private readonly schema: S) {}

  /** @throws InvalidRequest */
  transform(value: unknown): z.output<S> {
    const parsed = this.schema.safeParse(value ?? undefined);
    if (parsed.success) return parsed.data;
    throw new InvalidRequest('See errors.', parsed.error.issues.flatMap(complaints));
  }
}

/** The complaints of one issue. None quotes a value: it may be a prompt. */
function complaints(issue: z.core.$ZodIssue): Complaint[] {
  if (issue.code !== 'unrecognized_keys') return [{ pointer: pointerOf(issue.path), detail: issue.message }];
  return issue.keys.map((key) => ({ pointer: pointerOf([...issue.path, key]), detail: 'is no field of this object' }));
}

/** @see RFC 6901 §3 */
function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
