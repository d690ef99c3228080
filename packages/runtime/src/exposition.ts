import { Counter, type OpenMetricsContentType, type PrometheusContentType, Registry } from 'prom-client';

export interface Exposition {
  readonly contentType: OpenMetricsContentType | PrometheusContentType;
  readonly text: string;
}

export interface ExpositionRequest {
  readonly registries: readonly Registry[];
  /** label of every series */
  readonly service: string;
  /** header of the request */
  readonly accept: string | undefined;
}

/** Writes metrics in the format that is asked for: OpenMetrics, which alone has exemplars, or Prometheus's text. Series have the
 *  same names in both.
 *  @see https://prometheus.io/docs/specs/om/open_metrics_spec/ */
export async function exposeMetrics({ registries, service, accept }: ExpositionRequest): Promise<Exposition> {
  if (prefersOpenMetrics(accept)) {
    return { contentType: Registry.OPENMETRICS_CONTENT_TYPE, text: await openMetrics(registries, service) };
  }
  const texts = await Promise.all(registries.map((registry) => registry.metrics()));
  return { contentType: Registry.PROMETHEUS_CONTENT_TYPE, text: texts.join('') };
}

async function openMetrics(registries: readonly Registry[], service: string): Promise<string> {
  const others = new Registry<OpenMetricsContentType>();
  others.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  others.setDefaultLabels({ service });
  const counters: Promise<string>[] = [];
  for (const registry of registries) {
    for (const { name } of registry.getMetricsAsArray()) {
      const metric = registry.getSingleMetric(name);
      // prom-client would rename the counter itself, so that Prometheus's text lost its `_total`
      if (metric instanceof Counter) counters.push(counterText(registry, name));
      else if (metric !== undefined) others.registerMetric(metric);
    }
  }
  return [...(await Promise.all(counters)), await others.metrics()].join('\n');
}

/** A counter's family is named without the suffix that its series have. */
async function counterText(registry: Registry, name: string): Promise<string> {
  const text = await registry.getSingleMetricAsString(name);
  return text.replaceAll(/^(# (?:HELP|TYPE) \w+)_total /gm, '$1 ');
}

/** A tie is OpenMetrics's; a wildcard is not enough. */
function prefersOpenMetrics(accept = ''): boolean {
  const weights = new Map<string, number>();
  for (const range of accept.toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    const weight = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1);
    weights.set(type, Math.max(weight, weights.get(type) ?? 0));
  }
  const weight = weights.get('application/openmetrics-text') ?? 0;
  return weight > 0 && weight >= (weights.get('text/plain') ?? 0);
}
