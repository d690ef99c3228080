import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-node';
import { PRIVATE_ATTRIBUTES } from '../names.ts';
import type { TraceLog } from '../tracing.ts';

type Done = Parameters<SpanExporter['export']>[1];

/** Sends spans without what instrumentation of others adds to them and nobody may read: the words of errors, which quote what they
 *  like, and paths and queries of requests. It logs when the collector is lost and when it is back, not each failed batch. */
export class DiscreetExporter implements SpanExporter {
  #lostAt: number | null = null;

  constructor(
    readonly exporter: SpanExporter,
    readonly logger: TraceLog,
  ) {}

  export(spans: ReadableSpan[], done: Done): void {
    this.exporter.export(spans.map(discreet), (result) => {
      this.#note(result);
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.exporter.shutdown();
  }

  async forceFlush(): Promise<void> {
    await this.exporter.forceFlush?.();
  }

  #note({ code, error }: Parameters<Done>[0]): void {
    if (code !== DELIVERED) {
      if (this.#lostAt === null) this.logger.warn({ reason: reasonOf(error) }, 'traces are not delivered');
      this.#lostAt ??= performance.now();
    } else if (this.#lostAt !== null) {
      const durationMs = Math.round(performance.now() - this.#lostAt);
      this.#lostAt = null;
      this.logger.info({ durationMs }, 'traces are delivered again');
    }
  }
}

/** `ExportResultCode.SUCCESS` of the SDK. */
const DELIVERED = 0;

function discreet(span: ReadableSpan): ReadableSpan {
  const isOthers = PRIVATE_ATTRIBUTES.some((name) => name in span.attributes);
  if (!isOthers && span.events.length === 0 && span.status.message === undefined) return span;
  const attributes = { ...span.attributes };
  for (const name of PRIVATE_ATTRIBUTES) delete attributes[name];
  // an event `exception` holds the message and the stack of an error
  const events = span.events.filter(({ name }) => name !== 'exception');
  return Object.create(span, {
    attributes: { value: attributes, enumerable: true },
    events: { value: events, enumerable: true },
    status: { value: { code: span.status.code }, enumerable: true },
  }) as ReadableSpan;
}

/** A status, a code, or the class: the message may quote an address with a key. */
function reasonOf(error: Error | undefined): string {
  const { code, name = 'unknown' } = (error ?? {}) as { readonly code?: unknown; readonly name?: string };
  return code === undefined ? name : String(code);
}
