import type { PipeTransform } from '@nestjs/common';
import type { z } from 'zod';
import { type Complaint, InvalidRequest } from './problem.ts';

/** An answer names no more places than this, and shows no more of each: who sends nonsense by the megabyte does not get as
 *  much back. Six bytes are the most that a character takes in JSON, so it all stays below 64 KiB. */
const MOST_COMPLAINTS = 20;
const MOST_CHARS = 250;

/** Validates a body or a query string; every complaint says where it is, as a JSON pointer. */
export class ZodPipe<S extends z.ZodType> implements PipeTransform<unknown, z.output<S>> {
  constructor(private readonly schema: S) {}

  /** @throws InvalidRequest */
  transform(value: unknown): z.output<S> {
    const parsed = this.schema.safeParse(value ?? undefined);
    if (parsed.success) return parsed.data;
    const all = parsed.error.issues.flatMap(complaints);
    const shown = all.slice(0, MOST_COMPLAINTS).map(shortened);
    const detail =
      all.length > shown.length ? `See errors: the first ${shown.length} of ${all.length}.` : 'See errors.';
    throw new InvalidRequest(detail, shown);
  }
}

/** The complaints of one issue. None quotes a value: it may be a prompt. */
function complaints(issue: z.core.$ZodIssue): Complaint[] {
  if (issue.code !== 'unrecognized_keys') return [{ pointer: pointerOf(issue.path), detail: issue.message }];
  return issue.keys.map((key) => ({ pointer: pointerOf([...issue.path, key]), detail: 'is no field of this object' }));
}

function shortened({ pointer, detail }: Complaint): Complaint {
  return { pointer: start(pointer), detail: start(detail) };
}

function start(text: string): string {
  return text.length <= MOST_CHARS ? text : `${text.slice(0, MOST_CHARS - 1)}…`;
}

/** @see RFC 6901 §3 */
function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
