import { type Context, type Link, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { ATTRIBUTES } from './names.ts';
import { contextOf, spanContextOf } from './traceparent.ts';

/** Why a span is linked to another: what that was. */
type LinkedAs = 'job' | 'attempt';

/** Until the SDK is started, its spans record nothing and cost next to nothing. */
export const tracer = trace.getTracer('millrace');

/** @returns none without a trace context */
export function linksTo(traceparent: string | null | undefined, as: LinkedAs = 'job'): Link[] {
  const context = spanContextOf(traceparent);
  return context === null ? [] : [{ context, attributes: { [ATTRIBUTES.linkedAs]: as } }];
}

/** Ends a span with an error, by its type and without its words: they may quote anything.
 *  @see docs/adr/0026-errors-without-their-words.md */
export function failSpan(span: Span, errorType: string): void {
  span.setAttribute(ATTRIBUTES.errorType, errorType);
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

/** What an error is, in few values: a status of HTTP, a code, or its class.
 *  @returns null: somebody has aborted, which is no error */
export function errorTypeOf(error: unknown): string | null {
  if (!(error instanceof Object)) return 'error';
  const { status, code, name } = error as {
    readonly status?: unknown;
    readonly code?: unknown;
    readonly name?: unknown;
  };
  if (name === 'AbortError') return null;
  if (typeof status === 'number') return String(status);
  for (const word of [code, name]) if (typeof word === 'string' && /^\w{1,64}$/.test(word)) return word;
  return 'error';
}

interface Step {
  readonly name: string;
  /** trace context of the span that it is a part of */
  readonly parent: string | null | undefined;
  readonly kind?: 'producer';
  readonly attributes?: Readonly<Record<string, string | number>>;
  /** the type of an error of `run` */
  readonly errorTypeOf?: (error: unknown) => string | null;
}

/** Runs a step of a job inside a span of its own.
 *  @throws what `run` throws */
export async function traceStep<T>(
  { name, parent, kind, attributes = {}, ...step }: Step,
  run: () => Promise<T>,
): Promise<T> {
  const context: Context = contextOf(parent);
  const span = tracer.startSpan(name, { kind: kind === 'producer' ? SpanKind.PRODUCER : SpanKind.INTERNAL }, context);
  if (!span.isRecording()) return run();
  span.setAttributes(attributes);
  try {
    const result = await run();
    span.end();
    return result;
  } catch (error) {
    const type = (step.errorTypeOf ?? errorTypeOf)(error);
    if (type === null) span.end();
    else failSpan(span, type);
    throw error;
  }
}
