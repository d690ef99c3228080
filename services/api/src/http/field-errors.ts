import type { FieldError } from './problem.ts';

/** Bounds of the errors in one answer, so that a megabyte of nonsense is not echoed. A character takes six bytes of JSON at
 *  most, so all of them stay below 64 KiB. */
const MAX_FIELD_ERRORS = 20;
const MAX_CHARS = 250;

/** What an answer shows of the faults in a body: the first ones, each within bounds. */
export function shownErrors(all: readonly FieldError[]): { readonly detail: string; readonly errors: FieldError[] } {
  const errors = all.slice(0, MAX_FIELD_ERRORS).map(shortened);
  const detail =
    all.length > errors.length ? `See errors: the first ${errors.length} of ${all.length}.` : 'See errors.';
  return { detail, errors };
}

/** @see RFC 6901 §3 */
export function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

function shortened({ pointer, detail }: FieldError): FieldError {
  return { pointer: start(pointer), detail: start(detail) };
}

function start(text: string): string {
  return text.length <= MAX_CHARS ? text : `${text.slice(0, MAX_CHARS - 1)}…`;
}
