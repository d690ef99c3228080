/** What is wrong with the network at this moment; shared by all connections of a proxy. */
export interface NetworkWeather {
  /** each way, milliseconds */
  latencyMs: number;
  /** each way and connection, bytes per second; `Infinity` when not throttled */
  bytesPerSecond: number;
  /** nothing that is sent arrives, not even the end of a connection */
  blackhole: boolean;
}
