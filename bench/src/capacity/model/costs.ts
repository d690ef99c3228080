import type { ProcessorCosts, TrafficCosts } from './coefficients.ts';

/** What is asked of one process, or of all processes of a part together. */
export interface Demand {
  /** open at a time */
  readonly streams: number;
  /** of tokens: one each, unless the worker had to merge several */
  readonly eventsPerSecond: number;
  readonly jobsPerSecond: number;
}

/** Processor time of one process, microseconds per second. */
export function processorMicros(costs: ProcessorCosts, { streams, eventsPerSecond, jobsPerSecond }: Demand): number {
  const { idle, stream, job } = costs;
  return idle + stream * streams + job * jobsPerSecond + eventsPerSecond * microsPerEvent(costs, eventsPerSecond);
}

/** About here events begin to share: far below so many a second in a process it is woken up for each of them. Chosen, not measured: the
 *  loads that are measured lie far above. */
export const SHARED_FROM = 25;

/** Processor time of an event in a process that gets so many a second, microseconds. */
export function microsPerEvent(
  { event, shared, following }: Pick<ProcessorCosts, 'event' | 'shared' | 'following'>,
  eventsPerSecond: number,
): number {
  return event / (1 + eventsPerSecond / SHARED_FROM) ** shared + following;
}

/** Bytes per second. */
export function trafficBytes(costs: TrafficCosts, { streams, eventsPerSecond, jobsPerSecond }: Demand): number {
  return costs.idle + costs.stream * streams + costs.job * jobsPerSecond + costs.event * eventsPerSecond;
}

/** A demand that is shared out evenly.
 *  @param among processes, or shards */
export function sharedOut({ streams, eventsPerSecond, jobsPerSecond }: Demand, among: number): Demand {
  return {
    streams: streams / among,
    eventsPerSecond: eventsPerSecond / among,
    jobsPerSecond: jobsPerSecond / among,
  };
}

/** The fewest processes among which a demand can be shared out so that each stays within a part of a core.
 *  @param utilisation of one core, 0 to 1
 *  @throws RangeError a process that has nothing to do already needs more */
export function processesFor(costs: ProcessorCosts, demand: Demand, utilisation: number): number {
  const limit = utilisation * 1e6;
  if (costs.idle >= limit) throw new RangeError(`a process without jobs takes ${costs.idle} of ${limit} µs a second`);
  return fewest((count) => processorMicros(costs, sharedOut(demand, count)) <= limit);
}

/** The smallest whole number from 1 on that is enough.
 *  @param isEnough true for every number above one for which it is true
 *  @throws RangeError no number is */
export function fewest(isEnough: (count: number) => boolean): number {
  let enough = 1;
  while (!isEnough(enough)) {
    enough *= 2;
    if (!Number.isSafeInteger(enough)) throw new RangeError('no number is enough');
  }
  let tooFew = enough / 2;
  while (enough - tooFew > 1) {
    const middle = Math.floor((enough + tooFew) / 2);
    if (isEnough(middle)) enough = middle;
    else tooFew = middle;
  }
  return enough;
}
