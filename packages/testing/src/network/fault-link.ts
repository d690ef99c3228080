import { connect, type Socket } from 'node:net';
import { FaultLine } from './fault-line.ts';
import type { NetworkWeather } from './network-weather.ts';
import { resetSocket } from './reset-socket.ts';

export interface FaultLinkOptions {
  readonly client: Socket;
  /** a port on 127.0.0.1 */
  readonly target: number;
  readonly weather: NetworkWeather;
  /** filters the bytes from the target; see {@link FaultProxy.filter} */
  readonly filter: (bytes: Buffer) => Buffer;
  /** the limit of {@link FaultLink.cutAfter} was reached */
  readonly onCut: () => void;
  /** both sides have closed */
  readonly onOver: () => void;
}

/** One connection through a fault proxy: the client's socket and the target's. */
export class FaultLink {
  private readonly client: Socket;
  private readonly upstream: Socket;
  private remaining = Number.POSITIVE_INFINITY;
  // bytes were swallowed: no later byte may be delivered, since TCP never delivers past a hole
  private holed = false;
  private endedUnheard = false;

  constructor(private readonly options: FaultLinkOptions) {
    this.client = options.client;
    this.upstream = connect({ host: '127.0.0.1', port: options.target, noDelay: true, allowHalfOpen: true });
    this.join(this.client, this.upstream, (bytes) => bytes);
    this.join(this.upstream, this.client, (bytes) => this.counted(options.filter(bytes)));
  }

  /** Resets the connection after this many more bytes from the target. */
  cutAfter(bytes: number): void {
    this.remaining = bytes;
  }

  /** the port of the connection, as the target sees it */
  get port(): number | undefined {
    return this.upstream.localPort;
  }

  /** Lets nothing more through, in either direction. */
  swallow(): void {
    this.holed = true;
  }

  /** RST to both sides. */
  reset(): void {
    resetSocket(this.client);
    resetSocket(this.upstream);
  }

  /** Packets arrive again: the other side now learns of an end that was hidden from it. */
  reveal(): void {
    if (this.endedUnheard || this.client.destroyed || this.upstream.destroyed) this.reset();
  }

  private join(from: Socket, to: Socket, admit: (bytes: Buffer) => Buffer): void {
    const { weather, onOver } = this.options;
    const line = new FaultLine(to, weather);
    from.on('data', (bytes: Buffer) => {
      if (weather.blackhole) this.holed = true;
      if (this.holed) return;
      line.send(admit(bytes), from);
      if (from !== this.upstream || this.remaining > 0) return;
      // a limit that is raised afterwards must not let anything past the hole
      this.holed = true;
      line.afterAll(() => this.cut());
    });
    from.on('end', () => {
      if (weather.blackhole || this.holed) this.endedUnheard = true;
      else line.afterAll(() => to.end());
    });
    from.on('error', () => {
      // a reset or a refusal: `close` follows
    });
    from.on('close', (hadError) => {
      // half closed: it still reads what the other side sends
      if (!weather.blackhole && (hadError || this.holed)) resetSocket(to);
      if (to.destroyed) onOver();
    });
  }

  private cut(): void {
    this.options.onCut();
    this.reset();
  }

  private counted(bytes: Buffer): Buffer {
    const admitted = bytes.subarray(0, Math.min(bytes.length, this.remaining));
    this.remaining -= admitted.length;
    return admitted;
  }
}
