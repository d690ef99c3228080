import { setTimeout as delay } from 'node:timers/promises';
import { ResumingReader } from '@millrace/testing';
import { idOf, type SystemHarness } from '../e2e/system-harness.ts';

const ANSWER = Array.from({ length: 10 }, (_, index) => `word ${index} `);

export interface TrafficOptions {
  /** requests per second */
  readonly perSecond?: number;
}

/** Short requests through nginx until it is stopped: each creates a job and reads it to its end. */
export class Traffic implements Disposable {
  /** one line for each request that was refused, or whose stream lacked a part of the answer */
  readonly failures: string[] = [];
  private running = true;
  private readonly over: Promise<number>;

  constructor(
    private readonly system: SystemHarness,
    { perSecond = 20 }: TrafficOptions = {},
  ) {
    system.model.answer(ANSWER, { to: /^traffic/, stepMs: 20 });
    this.over = this.run(1_000 / perSecond);
  }

  /** @returns how many requests there were, once the last one has ended */
  stop(): Promise<number> {
    this.running = false;
    return this.over;
  }

  [Symbol.dispose](): void {
    this.running = false;
  }

  private async run(betweenMs: number): Promise<number> {
    const requests: Promise<void>[] = [];
    while (this.running) {
      requests.push(this.request(`traffic ${requests.length}`));
      await delay(betweenMs);
    }
    await Promise.all(requests);
    return requests.length;
  }

  private async request(prompt: string): Promise<void> {
    try {
      const created = await this.system.ask(prompt);
      const url = `${this.system.url}/jobs/${idOf(created)}/stream`;
      const watcher = this.system.use(new ResumingReader(() => url, created));
      await watcher.over;
      if (watcher.text !== ANSWER.join('')) this.failures.push(`${prompt}: ${JSON.stringify(watcher.events)}`);
      if (watcher.refusals.length > 0) this.failures.push(`${prompt}: resumption refused with ${watcher.refusals}`);
      if (watcher.events.some(({ event }) => event === 'reset')) this.failures.push(`${prompt}: restarted`);
    } catch (error) {
      this.failures.push(`${prompt}: ${String(error)}`);
    }
  }
}
