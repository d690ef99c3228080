import type { WorkerMetrics } from '../attempt/metrics.ts';

/** What a job that runs alone has counted in its process, for the metrics of its worker. */
export interface Counts {
  /** pipeline events by type */
  readonly events: readonly (readonly [type: string, count: number])[];
  /** attempts by reason */
  readonly attempts: readonly (readonly [reason: string, count: number])[];
  /** retried model calls by code */
  readonly retries: readonly (readonly [code: string, count: number])[];
  /** from the start of the attempt to its first event, seconds; null: it has come before, or not yet */
  readonly firstTokenSeconds: number | null;
}

type Counters = Pick<WorkerMetrics, 'events' | 'attempts' | 'retries' | 'firstTokenSeconds'>;

/** @returns what one job has counted since this was last called */
export async function takeCounts({ events, attempts, retries, firstTokenSeconds }: Counters): Promise<Counts> {
  const read = [events.get(), attempts.get(), retries.get(), firstTokenSeconds.get()] as const;
  // before anything is awaited: what is counted meanwhile belongs to the next call
  for (const metric of [events, attempts, retries, firstTokenSeconds]) metric.reset();
  const [byType, byReason, byCode, first] = await Promise.all(read);
  const of = (suffix: string) => first.values.find(({ metricName }) => metricName?.endsWith(suffix))?.value ?? 0;
  return {
    events: byType.values.map(({ labels, value }) => [`${labels.type}`, value]),
    attempts: byReason.values.map(({ labels, value }) => [`${labels.reason}`, value]),
    retries: byCode.values.map(({ labels, value }) => [`${labels.code}`, value]),
    // one attempt has one first event
    firstTokenSeconds: of('_count') === 0 ? null : of('_sum'),
  };
}

/** Adds what another process has counted. */
export function addCounts(metrics: Counters, { events, attempts, retries, firstTokenSeconds }: Counts): void {
  for (const [type, count] of events) metrics.events.inc({ type }, count);
  for (const [reason, count] of attempts) metrics.attempts.inc({ reason }, count);
  for (const [code, count] of retries) metrics.retries.inc({ code }, count);
  if (firstTokenSeconds !== null) metrics.firstTokenSeconds.observe({ value: firstTokenSeconds });
}
