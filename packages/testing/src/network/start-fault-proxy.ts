import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { FaultLink } from './fault-link.ts';
import type { NetworkWeather } from './network-weather.ts';
import { resetSocket } from './reset-socket.ts';

export interface FaultProxyOptions {
  /** the port on 127.0.0.1 that connections are passed on to */
  readonly target: number;
}

/** Maps the bytes that the target sends on one connection, piece by piece, to the bytes to deliver. */
export type ByteFilter = (bytes: Buffer) => Buffer;

/** A controllable network between two processes: every connection to {@link port} is forwarded to the target, with the
 *  faults that are set. A fault applies to open connections and to new ones. */
export class FaultProxy implements AsyncDisposable {
  private readonly links = new Set<FaultLink>();
  private readonly weather: NetworkWeather = {
    latencyMs: 0,
    bytesPerSecond: Number.POSITIVE_INFINITY,
    blackhole: false,
  };
  private readonly server: Server;
  private nextCut: () => number = () => Number.POSITIVE_INFINITY;
  private nextFilter: () => ByteFilter = () => (bytes) => bytes;
  private cutCount = 0;
  private refusing = false;

  constructor(private readonly options: FaultProxyOptions) {
    this.server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => this.pass(client));
  }

  /** on 127.0.0.1 */
  get port(): number {
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy is not listening');
    return address.port;
  }

  /** open connections */
  get open(): number {
    return this.links.size;
  }

  /** connections that {@link cutAfter} has cut so far */
  get cuts(): number {
    return this.cutCount;
  }

  /** Delays every byte, in each direction.
   *  @param ms milliseconds */
  latency(ms: number): void {
    this.weather.latencyMs = ms;
  }

  /** Limits bytes per second, for each connection and direction. */
  throttle(bytesPerSecond: number): void {
    if (!(bytesPerSecond > 0)) throw new RangeError(`${bytesPerSecond} bytes per second never arrive: use blackhole`);
    this.weather.bytesPerSecond = bytesPerSecond;
  }

  /** Resets (RST) all open connections. */
  reset(): void {
    for (const link of this.links) link.reset();
  }

  /** Resets each connection after a number of bytes from the target.
   *  @param bytes called for each connection; open connections count from now on */
  cutAfter(bytes: number | (() => number)): void {
    this.nextCut = typeof bytes === 'number' ? () => bytes : bytes;
    for (const link of this.links) link.cutAfter(this.nextCut());
  }

  /** Filters the target's bytes on new connections only: on an open one the filter would begin in the middle of a
   *  message.
   *  @param next called for each connection */
  filter(next: () => ByteFilter): void {
    this.nextFilter = next;
  }

  /** Resets all connections, and new ones as soon as they open. */
  refuse(on: boolean): void {
    this.refusing = on;
    if (on) this.reset();
  }

  /** Swallows everything sent, including the end of connections; new connections are accepted and receive nothing. When
   *  healed, a connection that lost bytes stays dead, like one that a firewall has dropped. */
  blackhole(on: boolean): void {
    this.weather.blackhole = on;
    if (on) return;
    for (const link of this.links) link.reveal();
  }

  /** Swallows everything sent on single connections from now on, and leaves the others alone. Nothing heals them.
   *  @param ports of the connections, as the target sees them; ports of other clients are ignored
   *  @returns how many connections were affected */
  swallow(ports: readonly number[]): number {
    const links = [...this.links].filter(({ port }) => port !== undefined && ports.includes(port));
    for (const link of links) link.swallow();
    return links.length;
  }

  /** Ends every fault that can end. A connection that has a filter keeps it. */
  heal(): void {
    this.latency(0);
    this.throttle(Number.POSITIVE_INFINITY);
    this.cutAfter(Number.POSITIVE_INFINITY);
    this.filter(() => (bytes) => bytes);
    this.refuse(false);
    this.blackhole(false);
  }

  async listen(): Promise<void> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.reset();
    await closed;
  }

  private pass(client: Socket): void {
    if (this.refusing) {
      resetSocket(client);
      return;
    }
    const link: FaultLink = new FaultLink({
      client,
      target: this.options.target,
      weather: this.weather,
      filter: this.nextFilter(),
      onCut: () => {
        this.cutCount += 1;
      },
      onOver: () => this.links.delete(link),
    });
    link.cutAfter(this.nextCut());
    this.links.add(link);
  }
}

/** Starts a fault proxy on a free port of loopback: `await using proxy = await startFaultProxy({ target: redis.port })`. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const proxy = new FaultProxy(options);
  await proxy.listen();
  return proxy;
}
