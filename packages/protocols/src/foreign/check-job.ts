import { type CreateJobBody, createJobSchema } from '@millrace/contracts';
import type { z } from 'zod';
import { type FieldFault, type Path, pointerTo, RequestFault } from './request-fault.ts';

/** Checks what a request of a foreign protocol became, by the rules of `POST /jobs`.
 *  @param theirs the place in the caller's body for a place in `job`
 *  @throws RequestFault in the caller's names */
export function checkedJob(job: z.input<typeof createJobSchema>, theirs: (path: Path) => Path): CreateJobBody {
  const checked = createJobSchema.safeParse(job);
  if (checked.success) return checked.data;
  throw new RequestFault(faultsOf(checked.error.issues, theirs));
}

/** @param theirs the place in the caller's body for a place in what was checked */
export function faultsOf(
  issues: readonly z.core.$ZodIssue[],
  theirs: (path: Path) => Path = (path) => path,
): FieldFault[] {
  return issues.flatMap(flat).map(({ path, message }) => ({ pointer: pointerTo(theirs(path)), detail: message }));
}

interface Fault {
  readonly path: PropertyKey[];
  readonly message: string;
}

function flat(issue: z.core.$ZodIssue): Fault[] {
  const branch = issue.code === 'invalid_union' ? meantBranch(issue.errors) : undefined;
  if (branch !== undefined) {
    return branch.flatMap((inner) => flat({ ...inner, path: [...issue.path, ...inner.path] }));
  }
  if (issue.code !== 'unrecognized_keys') return [{ path: issue.path, message: issue.message }];
  return issue.keys.map((key) => ({ path: [...issue.path, key], message: 'is not a field of this object' }));
}

/** The branch of a union that the caller meant: the only one whose type fits the value itself. */
function meantBranch(branches: readonly z.core.$ZodIssue[][]): z.core.$ZodIssue[] | undefined {
  const isOfAnotherType = ({ path, code }: z.core.$ZodIssue) =>
    path.length === 0 && (code === 'invalid_type' || code === 'invalid_value');
  const fitting = branches.filter((issues) => !issues.some(isOfAnotherType));
  return fitting.length === 1 ? fitting[0] : undefined;
}
