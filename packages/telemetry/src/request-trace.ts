import { type Span, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { ATTRIBUTES } from './names.ts';
import { linksTo, tracer } from './spans.ts';
import { contextOf, spanContextOf, traceparentOf } from './traceparent.ts';

export interface TracedRequest {
  readonly method: string;
  /** the pattern, not the path, which has unbounded values */
  readonly route: string;
  /** how long ago it came, milliseconds */
  readonly elapsedMs: number;
  /** trace context that it has brought along */
  readonly traceparent: string | undefined;
}

/** The span of a request that makes a job, or attaches to one: from its arrival to the end of its answer. */
export class RequestTrace {
  readonly #span: Span;

  /** @param job trace context of the job that it attaches to; undefined: it makes one */
  constructor({ method, route, elapsedMs, traceparent }: TracedRequest, job?: string | null) {
    this.#span = tracer.startSpan(
      `${method} ${route}`,
      { kind: SpanKind.SERVER, startTime: Date.now() - elapsedMs, links: linksTo(job) },
      contextOf(traceparent),
    );
    if (this.isRecorded) this.#span.setAttributes({ [ATTRIBUTES.httpMethod]: method, [ATTRIBUTES.httpRoute]: route });
  }

  get isRecorded(): boolean {
    return this.#span.isRecording();
  }

  get traceId(): string {
    return this.#span.spanContext().traceId;
  }

  /** What the record keeps of it. Without traces: what the request has brought along. */
  get traceparent(): string | undefined {
    return traceparentOf(this.#span.spanContext());
  }

  /** The request was a repetition: another one has made the job. */
  repeats(job: string | null): void {
    const [link] = linksTo(job);
    if (link !== undefined && spanContextOf(job)?.spanId !== this.#span.spanContext().spanId) this.#span.addLink(link);
  }

  /** @param cursor where it resumes; null: from the beginning */
  resumes(cursor: string | null): void {
    if (cursor !== null) this.#span.setAttribute(ATTRIBUTES.cursor, cursor);
  }

  /** @param requestId as the answer names it
   *  @param status of the answer */
  end(requestId: string, status: number): void {
    const span = this.#span;
    span.setAttributes({ [ATTRIBUTES.requestId]: requestId, [ATTRIBUTES.httpStatus]: status });
    if (status >= 500) {
      span.setAttribute(ATTRIBUTES.errorType, String(status));
      span.setStatus({ code: SpanStatusCode.ERROR });
    }
    span.end();
  }
}
