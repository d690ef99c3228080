import type { ProcessorCosts } from './coefficients.ts';
import type { Demand } from './costs.ts';
import { leastSquares, type Observation, squaredError } from './least-squares.ts';

/** What one process was asked, and what it took. */
export interface MeasuredLoad extends Demand {
  /** microseconds per second */
  readonly micros: number;
}

/** Rates at which events may share half of what they share: from 100 to 100,000 a second, each a twentieth above the last. */
const RATES = Array.from({ length: 143 }, (_, at) => 100 * 1.05 ** at);

/** The costs of an event that come closest to what was measured.
 *  @param known what was measured by itself: `idle` and `stream`
 *  @param loads with different rates, and without jobs that begin or end
 *  @throws RangeError there are fewer than three, or one took less than the streams alone */
export function fittedEventCosts(
  known: Pick<ProcessorCosts, 'idle' | 'stream'>,
  loads: readonly MeasuredLoad[],
): Pick<ProcessorCosts, 'event' | 'alone' | 'halfAt'> {
  if (loads.length < 3) throw new RangeError(`${loads.length} loads for three coefficients`);
  const fits = RATES.map((halfAt) => {
    const observations = loads.map(
      ({ streams, eventsPerSecond, micros }): Observation => ({
        terms: [eventsPerSecond, eventsPerSecond / (1 + eventsPerSecond / halfAt)],
        value: micros - known.idle - known.stream * streams,
      }),
    );
    const [event = 0, alone = 0] = leastSquares(observations);
    return { event, alone, halfAt, error: squaredError([event, alone], observations) };
  });
  const { error: _, ...best } = fits.reduce((least, fit) => (fit.error < least.error ? fit : least));
  return best;
}
