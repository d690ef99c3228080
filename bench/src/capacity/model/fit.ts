import type { ProcessorCosts } from './coefficients.ts';
import { type Demand, SHARED_FROM } from './costs.ts';
import { straightLine } from './least-squares.ts';

/** What one process was asked, and what it took. */
interface MeasuredLoad extends Demand {
  /** microseconds per second */
  readonly micros: number;
}

/** Loads of one part. */
export interface PartLoads {
  /** what was measured by itself */
  readonly known: Pick<ProcessorCosts, 'idle' | 'stream'>;
  /** with different rates, and without jobs that begin or end */
  readonly loads: readonly MeasuredLoad[];
}

/** The costs of an event that come closest to what was measured: where both are logarithms, the cost of an event over the rate is a
 *  straight line. Errors count in proportion, so a small load tells as much as a large one. An event never becomes dearer with the rate.
 *  @throws RangeError there are fewer than three loads, or one took less than its streams alone */
export function fittedEventCosts({ known, loads }: PartLoads): Pick<ProcessorCosts, 'event' | 'shared'> {
  if (loads.length < 3) throw new RangeError('three loads are the least');
  const points = loads.map(({ streams, eventsPerSecond, micros }) => {
    const ofEvents = micros - known.idle - known.stream * streams;
    if (!(ofEvents > 0))
      throw new RangeError(`${eventsPerSecond} events a second took no more than their streams alone`);
    return { x: Math.log(1 + eventsPerSecond / SHARED_FROM), y: Math.log(ofEvents / eventsPerSecond) };
  });
  const shared = Math.min(1, Math.max(0, -straightLine(points).slope));
  const levels = points.map(({ x, y }) => y + shared * x);
  return { event: Math.exp(levels.reduce((sum, level) => sum + level, 0) / levels.length), shared };
}
