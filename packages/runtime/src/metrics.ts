import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** V8 counts three semi-spaces of the young generation in, which are of no use to an old one that is full. */
const YOUNG_BYTES = 3 * 64 * 2 ** 20;

/** Creates a registry with Node's default metrics (event loop lag, heap, GC) and the limits of its memory, labelled with the
 *  service. */
export function metricsRegistry(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  const limit = new Gauge({
    name: 'millrace_memory_limit_bytes',
    help: 'Memory that the old generation of the heap, and the whole process in its container, may have',
    labelNames: ['of'],
    registers: [registry],
  });
  limit.set({ of: 'heap' }, oldGenerationLimit());
  // without a limit it is 0, or more than there is
  const ofContainer = process.constrainedMemory();
  if (ofContainer > 0 && ofContainer < totalmem()) limit.set({ of: 'container' }, ofContainer);
  return registry;
}

/** A histogram whose observations may name their traces. */
export function tracedHistogram(
  registry: Registry,
  config: { name: string; help: string; buckets: number[] },
): Histogram {
  // prom-client refuses it in the constructor, because this format has no exemplars: exposeMetrics writes the one that has
  const histogram = new Histogram({ ...config, enableExemplars: true, registers: [] });
  registry.registerMetric(histogram);
  return histogram;
}

/** What an observation says of the trace that it belongs to.
 *  @param traceId undefined: there is no recorded trace */
export function exemplarOf(traceId: string | undefined): { readonly exemplarLabels?: { readonly trace_id: string } } {
  return traceId === undefined ? {} : { exemplarLabels: { trace_id: traceId } };
}

function oldGenerationLimit(): number {
  const { heap_size_limit: bytes } = getHeapStatistics();
  const flags = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' ');
  const [, megabytes] = /--max-semi-space-size=(\d+)/.exec(flags) ?? [];
  const young = megabytes === undefined ? YOUNG_BYTES : 3 * Number(megabytes) * 2 ** 20;
  return Math.max(bytes - young, bytes / 2);
}

/** A metric of how long scripts in Redis take, the way there and back included.
 *  @returns adds a call; of the duration, milliseconds */
export function scriptLatency(registry: Registry): (script: string, durationMs: number) => void {
  const latency = new Histogram({
    name: 'millrace_redis_script_seconds',
    help: 'Time from sending a script to Redis to its reply, by script',
    labelNames: ['script'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 5],
    registers: [registry],
  });
  // found once each: every token takes this path
  const series = new Map<string, Histogram.Internal<'script'>>();
  return (script, durationMs) => {
    let ofScript = series.get(script);
    if (ofScript === undefined) {
      ofScript = latency.labels(script);
      series.set(script, ofScript);
    }
    ofScript.observe(durationMs / 1_000);
  };
}
