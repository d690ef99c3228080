import { z } from 'zod';

const flag = (description: string) =>
  z
    .enum(['true', 'false'])
    .default('false')
    .transform((word) => word === 'true')
    .describe(description);

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

/** Whether and where traces go, by the names that OpenTelemetry has given these variables. Its SDK reads the further ones itself
 *  (`OTEL_RESOURCE_ATTRIBUTES`, `OTEL_BSP_*`, `OTEL_EXPORTER_OTLP_TIMEOUT`, …). Spread into the schema of every service.
 *  @see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ */
export const traceSettings = {
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Collector that traces are sent to by OTLP over HTTP, as a base URL. Without one there are no traces'),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('The same for traces alone, as the whole URL; it counts before OTEL_EXPORTER_OTLP_ENDPOINT'),
  OTEL_EXPORTER_OTLP_HEADERS: z
    .string()
    .regex(/^[^=,]+=[^,]*(,[^=,]+=[^,]*)*$/, 'must be name=value,…')
    .optional()
    .describe('Headers for the collector, such as its key: name=value,… with percent-encoded values'),
  OTEL_EXPORTER_OTLP_PROTOCOL: z
    .enum(['http/protobuf', 'http/json'])
    .default('http/protobuf')
    .describe('How traces are written; gRPC is not supported'),
  OTEL_SERVICE_NAME: z
    .string()
    .optional()
    .describe('Name of this service in traces; default: millrace-api, millrace-worker'),
  OTEL_TRACES_SAMPLER: z
    .enum(SAMPLERS)
    .default('parentbased_always_on')
    .describe('Which traces are recorded; the same for all services'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe('Share of the traces that the samplers with traceidratio record'),
  OTEL_SDK_DISABLED: flag('Whether there are no traces, even with a collector'),
};

/** What traces tell, and to whom. For the service that calls models. */
export const traceContentSettings = {
  MILLRACE_TRACE_CONTENT: flag(
    'Whether traces hold prompts, answers, and the arguments and results of tools: whoever reads traces then reads them, and encryption at rest does not cover them',
  ),
  MILLRACE_TRACE_PROPAGATE: flag(
    'Whether requests to models, tools and receivers of webhooks carry `traceparent`, so that their traces join: it tells them which requests belong together',
  ),
};

export type TraceSettings = Readonly<z.output<z.ZodObject<typeof traceSettings>>>;
export type TraceContentSettings = Readonly<z.output<z.ZodObject<typeof traceContentSettings>>>;

/** Whether there are traces. */
export function isTraced(settings: TraceSettings): boolean {
  const endpoint = settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? settings.OTEL_EXPORTER_OTLP_ENDPOINT;
  return endpoint !== undefined && !settings.OTEL_SDK_DISABLED;
}
