import type { Socket } from 'node:net';
import type { NetworkWeather } from './network-weather.ts';

const MAX_WAITING_BYTES = 1_048_576;
// a throttled line delivers this often, so that bytes trickle instead of coming in bursts
const TRICKLES_PER_SECOND = 20;

/** One direction of a connection: delivers bytes in order, when the network faults let them arrive. */
export class FaultLine {
  private tail: Promise<void> | null = null;
  private waitingBytes = 0;
  /** when the last byte sent so far leaves a throttled line, `performance.now()` */
  private freeAt = 0;

  constructor(
    private readonly to: Socket,
    private readonly weather: NetworkWeather,
  ) {}

  /** @param from paused while too many of its bytes wait here */
  send(bytes: Buffer, from: Socket): void {
    const size = Math.max(1, Math.ceil(this.weather.bytesPerSecond / TRICKLES_PER_SECOND));
    for (let start = 0; start < bytes.length; start += size) {
      this.deliver(bytes.subarray(start, Math.min(start + size, bytes.length)), from);
    }
  }

  /** Runs a callback once everything sent has been delivered. */
  afterAll(run: () => void): void {
    if (this.tail === null) run();
    else void this.tail.then(() => this.afterAll(run));
  }

  private deliver(bytes: Buffer, from: Socket): void {
    const { latencyMs, bytesPerSecond } = this.weather;
    const now = performance.now();
    this.freeAt = Math.max(now, this.freeAt) + (bytes.length / bytesPerSecond) * 1_000;
    const dueAt = this.freeAt + latencyMs;
    this.waitingBytes += bytes.length;
    if (this.waitingBytes >= MAX_WAITING_BYTES) from.pause();

    const delivered = this.turn(dueAt).then(() => this.write(bytes));
    const tail = delivered.then(() => {
      this.waitingBytes -= bytes.length;
      if (this.waitingBytes < MAX_WAITING_BYTES) from.resume();
      if (this.tail === tail) this.tail = null;
    });
    this.tail = tail;
  }

  private async turn(dueAt: number): Promise<void> {
    const before = this.tail;
    const waitMs = dueAt - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    await before;
  }

  private write(bytes: Buffer): Promise<void> {
    if (this.to.destroyed || this.to.writableEnded) return Promise.resolve();
    // also called with an error, when the socket is destroyed meanwhile
    return new Promise((resolve) => this.to.write(bytes, () => resolve()));
  }
}
