import type { Machine } from '../measure/machine.ts';
import type { Measured } from '../speed/figures.ts';
import type { Failure } from '../speed/result.ts';
import type { Coefficients } from './model/coefficients.ts';
import type { Prediction } from './predictions.ts';

/** What was measured, in this run or before it. */
export interface MeasuredCapacity {
  readonly benchmark: 'capacity';
  /** the day, ISO 8601 */
  readonly measuredOn: string;
  readonly machine: Machine;
  readonly rounds: number;
  /** of the whole run */
  readonly seconds: number;
  readonly measured: readonly Measured[];
  readonly failures: readonly Failure[];
}

/** A whole run, as `bench/results/capacity.json` keeps it. */
export interface CapacityResult extends MeasuredCapacity {
  readonly coefficients: Coefficients;
  /** of what was not fitted */
  readonly predictions: readonly Prediction[];
}
