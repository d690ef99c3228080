/** A real Redis that belongs to one test file. Its data survives {@link kill} and {@link restart}. */
export interface TestRedis extends AsyncDisposable {
  readonly kind: 'process' | 'container';
  readonly url: string;
  readonly port: number;
  /** Stops it for good and removes its data. */
  stop(): Promise<void>;
  /** Kills it at once, as a crash would. */
  kill(): Promise<void>;
  /** Shuts it down cleanly; {@link start} starts it again. */
  shutDown(): Promise<void>;
  /** Starts it again, with its data and on the same port, after {@link kill} or {@link shutDown}. */
  start(): Promise<void>;
  /** Shuts it down cleanly and starts it again. */
  restart(): Promise<void>;
  /** Freezes it: connections stay open, and nothing answers on them. */
  pause(): Promise<void>;
  resume(): Promise<void>;
}
