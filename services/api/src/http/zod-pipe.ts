import type { PipeTransform } from '@nestjs/common';
import type { z } from 'zod';
import { pointerOf, shownErrors } from './field-errors.ts';
import { type FieldError, InvalidRequest } from './problem.ts';

/** Validates a body or a query string. Each error says where it is, as a JSON pointer. */
export class ZodPipe<S extends z.ZodType> implements PipeTransform<unknown, z.output<S>> {
  constructor(private readonly schema: S) {}

  /** @throws InvalidRequest */
  transform(value: unknown): z.output<S> {
    const parsed = this.schema.safeParse(value);
    if (parsed.success) return parsed.data;
    const { detail, errors } = shownErrors(parsed.error.issues.flatMap(fieldErrors));
    throw new InvalidRequest(detail, errors);
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
