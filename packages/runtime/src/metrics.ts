import { collectDefaultMetrics, Histogram, Registry } from 'prom-client';

/** Creates a registry with Node's default metrics (event loop lag, heap, GC), labelled with the service. */
export function metricsRegistry(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  return registry;
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
