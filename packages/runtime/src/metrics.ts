import { collectDefaultMetrics, Registry } from 'prom-client';

/** A registry of a process's metrics: Node's own (event loop lag, heap, GC), each labelled with the service. */
export function metricsRegistry(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  return registry;
}
