/** The present faults of the network; shared by all connections of a proxy. */
export interface NetworkWeather {
  /** each way, milliseconds */
  latencyMs: number;
  /** each way and connection, bytes per second; `Infinity` when not throttled */
  bytesPerSecond: number;
  /** nothing arrives, not even the end of a connection */
  blackhole: boolean;
}
