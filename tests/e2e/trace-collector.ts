import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { eventually } from '@millrace/testing';

interface Value {
  readonly stringValue?: string;
  readonly intValue?: string | number;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
  readonly arrayValue?: { readonly values: readonly Value[] };
}

interface KeyValue {
  readonly key: string;
  readonly value: Value;
}

interface WireSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly KeyValue[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string; readonly attributes?: KeyValue[] }[];
  readonly events?: readonly { readonly name: string }[];
  readonly status?: { readonly code?: number; readonly message?: string };
}

interface WireTraces {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeSpans: readonly { readonly scope: { readonly name: string }; readonly spans: readonly WireSpan[] }[];
  }[];
}

type Attributes = Readonly<Record<string, unknown>>;

/** A span as it was received. */
export interface ReceivedSpan extends Omit<WireSpan, 'attributes' | 'links'> {
  readonly attributes: Attributes;
  readonly links: readonly { readonly traceId: string; readonly spanId: string; readonly attributes: Attributes }[];
  readonly service: string;
  readonly scope: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** A collector of OpenTelemetry that keeps what it gets, by OTLP over HTTP. It reads the JSON of it. */
export class TraceCollector implements AsyncDisposable {
  readonly requests: { readonly path: string; readonly headers: IncomingHttpHeaders; readonly body: string }[] = [];
  readonly #server = createServer(async (request, response) => {
    const body = await text(request);
    this.requests.push({ path: request.url ?? '', headers: request.headers, body });
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });

  /** @param port any free one when left out */
  static async start(port = 0): Promise<TraceCollector> {
    const collector = new TraceCollector();
    await new Promise<void>((resolve) => collector.#server.listen(port, '127.0.0.1', resolve));
    return collector;
  }

  /** Settings of services that send their traces here, soon after they end. */
  get env(): Readonly<Record<string, string>> {
    const { port } = this.#server.address() as AddressInfo;
    return {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '100',
    };
  }

  get spans(): ReceivedSpan[] {
    return this.requests.filter(({ headers }) => headers['content-type'] === 'application/json').flatMap(spansIn);
  }

  /** All that was received. */
  get text(): string {
    return this.requests.map(({ body }) => body).join('\n');
  }

  /** The spans of a job: its trace, and those that are linked to it. */
  ofJob(requestId: string): ReceivedSpan[] {
    const { spans } = this;
    const traces = new Set(
      spans.filter(({ attributes }) => attributes['millrace.request_id'] === requestId).map(({ traceId }) => traceId),
    );
    return spans.filter(({ traceId }) => traces.has(traceId));
  }

  /** The spans of a job once there are all of these names, as often as they are named. */
  async until(requestId: string, names: readonly string[]): Promise<ReceivedSpan[]> {
    const isThere = (spans: readonly ReceivedSpan[], name: string) =>
      spans.filter((span) => span.name === name).length >= names.filter((other) => other === name).length;
    try {
      return await eventually(() => {
        const spans = this.ofJob(requestId);
        return names.every((name) => isThere(spans, name)) ? spans : null;
      });
    } catch {
      const found = this.ofJob(requestId).map(({ name }) => name);
      throw new Error(`of ${names.join(', ')} there are ${found.join(', ')}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function spansIn({ body }: { readonly body: string }): ReceivedSpan[] {
  const { resourceSpans } = JSON.parse(body) as WireTraces;
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans }) =>
      spans.map((span) => ({
        ...span,
        attributes: attributesOf(span.attributes),
        links: (span.links ?? []).map((link) => ({ ...link, attributes: attributesOf(link.attributes) })),
        service: String(attributesOf(resource.attributes)['service.name']),
        scope: scope.name,
        startMs: Number(span.startTimeUnixNano) / 1_000_000,
        endMs: Number(span.endTimeUnixNano) / 1_000_000,
      })),
    ),
  );
}

function attributesOf(given: readonly KeyValue[] = []): Attributes {
  return Object.fromEntries(given.map(({ key, value }) => [key, plainOf(value)]));
}

function plainOf({ stringValue, intValue, doubleValue, boolValue, arrayValue }: Value): unknown {
  if (arrayValue !== undefined) return arrayValue.values.map(plainOf);
  if (intValue !== undefined) return Number(intValue);
  return stringValue ?? doubleValue ?? boolValue;
}
