/** One fault in a request of a foreign protocol. */
export interface FieldFault {
  /** JSON pointer into the body, RFC 6901, in the protocol's own names */
  readonly pointer: string;
  /** never quotes a value, which may be a prompt */
  readonly detail: string;
}

/** The body is no valid request of its protocol, or asks for what the service cannot do. */
export class RequestFault extends Error {
  override readonly name = 'RequestFault';

  /** @param errors at least one */
  constructor(readonly errors: readonly FieldFault[]) {
    super(errors.map(({ pointer, detail }) => `${pointer} ${detail}`).join('; '));
  }
}

/** A place in a body: names of fields, and indices. */
export type Path = readonly PropertyKey[];

/** @see RFC 6901 §3 */
export function pointerTo(path: Path): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** The place that a JSON pointer names. Digits count as an index. */
export function pathOf(pointer: string): Path {
  const steps = pointer.split('/').slice(1);
  return steps.map((step) => (/^\d+$/.test(step) ? Number(step) : step.replaceAll('~1', '/').replaceAll('~0', '~')));
}

/** A pointer as OpenAI writes it: `input[0].content`. */
export function dottedOf(pointer: string): string {
  const steps = pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  return steps.reduce((path, step) => {
    if (/^\d+$/.test(step)) return `${path}[${step}]`;
    return path === '' ? step : `${path}.${step}`;
  }, '');
}
