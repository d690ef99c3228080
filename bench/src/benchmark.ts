/** What a run may set, whatever it measures. */
interface RunOptions {
  /** how often each case is measured; the figures are medians of these */
  readonly rounds: number;
  /** what to measure of a benchmark that measures many things; all of it when empty */
  readonly only: readonly string[];
  /** folder of another version to compare with, where it is built */
  readonly against: string | undefined;
  /** aborted when the run is to end early: what was started is then ended in order */
  readonly signal: AbortSignal;
}

/** One question, and the run that answers it: prints a table and keeps its figures under `bench/results/`. */
export type Benchmark = (options: RunOptions) => Promise<void>;

/** A benchmark as the command line knows it. Its code is loaded only when it runs. */
export interface BenchmarkEntry {
  /** one line for `--help` */
  readonly about: string;
  /** it needs something, and runs only where it is named */
  readonly onlyNamed?: true;
  readonly load: () => Promise<Benchmark>;
}
