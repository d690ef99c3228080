/** A real Redis that belongs to one test file. Its data survives {@link kill} and {@link restart}. */
export interface TestRedis extends AsyncDisposable {
  readonly kind: 'process' | 'container';
  readonly url: string;
  readonly port: number;
  /** Ends it for good and removes its data. */
  stop(): Promise<void>;
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
  /** Ends it in good order; {@link start} brings it back. */
  shutDown(): Promise<void>;
  /** Brings it back, with its data and on the same port, after {@link kill} or {@link shutDown}. */
  start(): Promise<void>;
  /** Ends it in good order and brings it back. */
  restart(): Promise<void>;
  /** Freezes it: connections stay open and nothing answers on them. */
  pause(): Promise<void>;
  resume(): Promise<void>;
}
