import { createHistogram } from 'node:perf_hooks';

/** How values lie, milliseconds. */
export interface Spread {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** Collects times in fixed space, whatever their number: Node's histogram, in microseconds and three figures. */
export class SpreadOfTimes {
  readonly #micros = createHistogram();

  /** @param micros below one counts as one */
  add(micros: number): void {
    this.#micros.record(Math.max(1, Math.round(micros)));
  }

  /** all zero where there was nothing */
  get spread(): Spread {
    const { count } = this.#micros;
    if (count === 0) return { count, p50: 0, p95: 0, p99: 0, max: 0 };
    const at = (percent: number) => this.#micros.percentile(percent) / 1e3;
    return { count, p50: at(50), p95: at(95), p99: at(99), max: this.#micros.max / 1e3 };
  }
}
