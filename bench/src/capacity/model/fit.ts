import type { ProcessorCosts } from './coefficients.ts';
import type { Demand } from './costs.ts';
import { leastSquares, type Observation, squaredError } from './least-squares.ts';

/** What one process was asked, and what it took. */
interface MeasuredLoad extends Demand {
  /** microseconds per second */
  readonly micros: number;
}

/** Rates at which events may share half of what they share: from 100 to 100,000 a second, each a twentieth above the last. */
const RATES = Array.from({ length: 143 }, (_, at) => 100 * 1.05 ** at);

/** Loads of one part. */
export interface PartLoads {
  /** what was measured by itself */
  readonly known: Pick<ProcessorCosts, 'idle' | 'stream'>;
  /** with different rates, and without jobs that begin or end */
  readonly loads: readonly MeasuredLoad[];
}

/** The costs of an event that come closest to what was measured. `halfAt` is the same for all parts: one part's loads alone hardly tell
 *  it from `event`, and what is found then is of no use beyond them.
 *  @returns in the order of the parts
 *  @throws RangeError a part has fewer than three loads, or one took less than its streams alone */
export function fittedEventCosts(
  parts: readonly PartLoads[],
): readonly Pick<ProcessorCosts, 'event' | 'alone' | 'halfAt'>[] {
  if (parts.some(({ loads }) => loads.length < 3)) throw new RangeError('three loads are the least');
  const fits = RATES.map((halfAt) => {
    const found = parts.map((part) => {
      const observations = observationsOf(part, halfAt);
      const [event = 0, alone = 0] = leastSquares(observations);
      return { event, alone, halfAt, error: squaredError([event, alone], observations) };
    });
    return { found, error: found.reduce((sum, { error }) => sum + error, 0) };
  });
  const { found } = fits.reduce((least, fit) => (fit.error < least.error ? fit : least));
  return found.map(({ event, alone, halfAt }) => ({ event, alone, halfAt }));
}

function observationsOf({ known, loads }: PartLoads, halfAt: number): Observation[] {
  return loads.map(({ streams, eventsPerSecond, micros }) => ({
    terms: [eventsPerSecond, eventsPerSecond / (1 + eventsPerSecond / halfAt)],
    value: micros - known.idle - known.stream * streams,
  }));
}
