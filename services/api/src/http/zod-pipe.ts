import type { PipeTransform } from '@nestjs/common';
import type { z } from 'zod';
import { type FieldError, InvalidRequest } from './problem.ts';

/** Bounds of the errors in one answer, so that a megabyte of nonsense is not echoed. A character takes six bytes of JSON at
 *  most, so all of them stay below 64 KiB. */
const MAX_FIELD_ERRORS = 20;
const MAX_CHARS = 250;

/** Validates a body or a query string. Each error says where it is, as a JSON pointer. */
export class ZodPipe<S extends z.ZodType> implements PipeTransform<unknown, z.output<S>> {
  constructor(private readonly schema: S) {}

  /** @throws InvalidRequest */
  transform(value: unknown): z.output<S> {
    const parsed = this.schema.safeParse(value ?? undefined);
    if (parsed.success) return parsed.data;
    const all = parsed.error.issues.flatMap(fieldErrors);
    const shown = all.slice(0, MAX_FIELD_ERRORS).map(shortened);
    const detail =
      all.length > shown.length ? `See errors: the first ${shown.length} of ${all.length}.` : 'See errors.';
    throw new InvalidRequest(detail, shown);
  }
}

/** The errors of one issue. None quotes a value, which may be a prompt. */
function fieldErrors(issue: z.core.$ZodIssue): FieldError[] {
  const branch = issue.code === 'invalid_union' ? meantBranch(issue.errors) : undefined;
  if (branch !== undefined) {
    return branch.flatMap((inner) => fieldErrors({ ...inner, path: [...issue.path, ...inner.path] }));
  }
  if (issue.code !== 'unrecognized_keys') return [{ pointer: pointerOf(issue.path), detail: issue.message }];
  return issue.keys.map((key) => ({
    pointer: pointerOf([...issue.path, key]),
    detail: 'is not a field of this object',
  }));
}

/** The branch of a union that the caller meant: the only one whose type fits the value itself. */
function meantBranch(branches: readonly z.core.$ZodIssue[][]): z.core.$ZodIssue[] | undefined {
  const isOfAnotherType = ({ path, code }: z.core.$ZodIssue) =>
    path.length === 0 && (code === 'invalid_type' || code === 'invalid_value');
  const fitting = branches.filter((issues) => !issues.some(isOfAnotherType));
  return fitting.length === 1 ? fitting[0] : undefined;
}

function shortened({ pointer, detail }: FieldError): FieldError {
  return { pointer: start(pointer), detail: start(detail) };
}

function start(text: string): string {
  return text.length <= MAX_CHARS ? text : `${text.slice(0, MAX_CHARS - 1)}…`;
}

/** @see RFC 6901 §3 */
function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
