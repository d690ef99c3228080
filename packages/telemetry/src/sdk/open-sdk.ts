import { hostname } from 'node:os';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace-node';
import type { TraceContentSettings, TraceSettings } from '../settings.ts';
import type { TracedService, Tracing } from '../tracing.ts';
import { DiscreetExporter } from './discreet-exporter.ts';
import { LinkedSampler, samplerOf } from './linked-sampler.ts';

/** How long the end of a process waits for the collector, milliseconds. */
const FLUSH_MS = 2_000;

/** Starts OpenTelemetry's SDK, and makes it what `@opentelemetry/api` uses in this process: a pipeline's own spans join. */
export function openSdk(
  settings: TraceSettings & Partial<TraceContentSettings>,
  { name, logger }: TracedService,
): Tracing {
  const provider = new NodeTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': `millrace-${name}`, 'host.name': hostname() }))
      .merge(detectResources({ detectors: [envDetector] })),
    sampler: new LinkedSampler(samplerOf(settings)),
    spanProcessors: [new BatchSpanProcessor(new DiscreetExporter(exporterOf(settings), logger))],
  });
  // by default `traceparent` would go out with every request
  provider.register(settings.MILLRACE_TRACE_PROPAGATE ? {} : { propagator: null });
  const requests = new UndiciInstrumentation({ requireParentforSpans: true });
  requests.setTracerProvider(provider);
  logger.info({ sampler: settings.OTEL_TRACES_SAMPLER }, 'traces are sent');
  return {
    close: async () => {
      requests.disable();
      const timer = Promise.withResolvers<void>();
      const timeout = setTimeout(timer.resolve, FLUSH_MS);
      // a collector that is lost was logged by the exporter
      await Promise.race([provider.shutdown().catch(() => undefined), timer.promise]);
      clearTimeout(timeout);
    },
  };
}

/** The exporter reads the further variables of OpenTelemetry itself. */
function exporterOf(settings: TraceSettings): SpanExporter {
  const { OTEL_EXPORTER_OTLP_PROTOCOL: protocol, OTEL_EXPORTER_OTLP_HEADERS: headers } = settings;
  const options = { url: urlOf(settings), ...(headers === undefined ? {} : { headers: headersIn(headers) }) };
  return protocol === 'http/json' ? new JsonExporter(options) : new ProtobufExporter(options);
}

function urlOf({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: own, OTEL_EXPORTER_OTLP_ENDPOINT: base }: TraceSettings): string {
  return own ?? `${(base ?? '').replace(/\/$/, '')}/v1/traces`;
}

function headersIn(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(',').map((pair) => {
      const at = pair.indexOf('=');
      return [pair.slice(0, at).trim(), decodeURIComponent(pair.slice(at + 1).trim())];
    }),
  );
}
