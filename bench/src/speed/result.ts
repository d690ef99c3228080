import type { Machine } from '../measure/machine.ts';
import type { Measured } from './figures.ts';

/** A measurement that came to nothing. */
export interface Failure {
  readonly of: string;
  readonly peer: string;
  readonly round: number;
  readonly reason: string;
}

/** A whole run, as `bench/results/speed.json` keeps it. */
export interface SpeedResult {
  readonly benchmark: 'speed';
  /** the day, ISO 8601 */
  readonly measuredOn: string;
  readonly machine: Machine;
  readonly rounds: number;
  /** of the whole run */
  readonly seconds: number;
  readonly measured: readonly Measured[];
  readonly failures: readonly Failure[];
}
