import { setTimeout as delay } from 'node:timers/promises';
import { headersOf, PROMPTS, type Stage, TENANTS } from './stage.ts';

const EVERY_MS = 2_000;
const PATIENCE_MS = 120_000;

/** What clients do all day: every other second one asks through nginx, and reads its answer to the end. */
export class Traffic implements AsyncDisposable {
  asked = 0;
  answered = 0;
  readonly #stop = new AbortController();
  readonly #open = new Set<Promise<void>>();
  readonly #asking: Promise<void>;

  constructor(private readonly stage: Stage) {
    this.#asking = this.#askOn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#asking;
    await Promise.all(this.#open);
  }

  async #askOn(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const asked = this.#ask();
      this.#open.add(asked);
      void asked.then(() => this.#open.delete(asked));
      await delay(EVERY_MS, undefined, { signal: this.#stop.signal }).catch(() => undefined); // the end
    }
  }

  async #ask(): Promise<void> {
    this.asked += 1;
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(PATIENCE_MS)]);
    const body = JSON.stringify({ query: PROMPTS.usual });
    const init = { method: 'POST', headers: headersOf(TENANTS.shop), body, signal };
    try {
      const answer = await fetch(`${this.stage.system.url}/jobs`, init);
      if ((await answer.text()).includes('event: done')) this.answered += 1;
    } catch {
      // some are refused or cut: that is what an incident is
    }
  }
}

/** Asks without waiting for the answer.
 *  @returns the id of the job */
export async function leaveJob(stage: Stage, tenant: string, query: string): Promise<string> {
  const headers = { ...headersOf(tenant), accept: 'application/json' };
  const answer = await fetch(`${stage.system.url}/jobs`, { method: 'POST', headers, body: JSON.stringify({ query }) });
  if (!answer.ok) throw new Error(`a job is refused: ${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as { id: string }).id;
}
