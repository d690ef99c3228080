import { medians } from '../measure/median.ts';

/** What one measurement found: by the name of the figure, which ends with its unit. */
export type Figures = Readonly<Record<string, number>>;

/** All measurements of one thing about one peer. */
export interface Measured {
  /** what was measured: `single`, `crowd`, … */
  readonly of: string;
  /** the peer's id */
  readonly peer: string;
  /** round by round */
  readonly samples: readonly Figures[];
  readonly medians: Figures;
}

/** Collects measurements, and gives their medians. */
export class MeasuredFigures {
  readonly #samples = new Map<string, { of: string; peer: string; samples: Figures[] }>();

  add(of: string, peer: string, figures: Figures): void {
    const key = `${of} ${peer}`;
    const known = this.#samples.get(key) ?? { of, peer, samples: [] };
    known.samples.push(figures);
    this.#samples.set(key, known);
  }

  all(): Measured[] {
    return [...this.#samples.values()].map((each) => ({ ...each, medians: medians(each.samples) }));
  }
}

/** What two runs measured: of what both have, the later.
 *  @param earlier keeps its order */
export function mergedFigures(earlier: readonly Measured[], later: readonly Measured[]): Measured[] {
  const again = new Set(later.map(({ of }) => of));
  return [...earlier.filter(({ of }) => !again.has(of)), ...later];
}

/** The median of a figure, undefined where it was not measured. */
export function figureOf(measured: readonly Measured[], of: string, peer: string, name: string): number | undefined {
  return measured.find((each) => each.of === of && each.peer === peer)?.medians[name];
}
