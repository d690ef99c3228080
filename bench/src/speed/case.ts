import type { Figures } from './figures.ts';
import type { Stage } from './stage.ts';

/** One measurement of one peer. */
export interface Case {
  /** what is measured */
  readonly of: string;
  /** the peer's id */
  readonly peer: string;
  /** for the progress on the terminal */
  readonly title: string;
  /** false: once a run is enough, because it measures many times itself or hardly varies */
  readonly everyRound: boolean;
  /** @returns null where this machine cannot do it; it has said why */
  measure(stage: Stage): Promise<Figures | null>;
}
