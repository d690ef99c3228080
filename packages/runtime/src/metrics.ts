import { collectDefaultMetrics, Registry } from 'prom-client';

/** Creates a registry with Node's default metrics (event loop lag, heap, GC), labelled with the service. */
export function metricsRegistry(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  return registry;
}
