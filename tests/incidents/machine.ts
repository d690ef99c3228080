import { availableParallelism, loadavg } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Alerts that tell of slowness, whatever the reason of it. */
const OF_SLOWNESS = new Set(['MillraceRedisSlow', 'MillraceEventLoopBlocked']);
const HELD_UP_MS = 30;

/** The machine of the drill, which may have other work: then it is slow without an incident, and alerts rightly say so. */
export class Machine implements Disposable {
  readonly #delay = monitorEventLoopDelay({ resolution: 10 });
  #wasBusy = false;

  constructor() {
    this.#delay.enable();
  }

  /** Whether an alert may be the machine's: one of slowness, and the machine has been busy since this was made. */
  explains(alert: string): boolean {
    const isHeldUp = this.#delay.percentile(99) / 1_000_000 > HELD_UP_MS;
    this.#wasBusy ||= isHeldUp || (loadavg()[0] ?? 0) > availableParallelism();
    return this.#wasBusy && OF_SLOWNESS.has(alert);
  }

  [Symbol.dispose](): void {
    this.#delay.disable();
  }
}
