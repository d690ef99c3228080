import { setTimeout as delay } from 'node:timers/promises';
import type { ModelStep } from '@millrace/simulated-model';
import { judgeReader, type Offence, ResumingReader } from '@millrace/testing';
import { idOf, type SystemHarness } from '../e2e/system-harness.ts';

export interface LoadOptions {
  /** jobs, each with a different answer */
  readonly jobs: number;
  /** watchers of each job, including its creator */
  readonly watchersPerJob?: number;
  /** time between tokens of an answer, milliseconds */
  readonly stepMs?: number;
  /** where the watcher with this number connects, called each time; nginx when left out */
  readonly at?: (index: number) => string;
}

/** A reader of one of the answers. */
export interface Watched {
  readonly id: string;
  readonly prompt: string;
  readonly watcher: ResumingReader;
}

/** Many different answers that continue until {@link Load.finish}, all watched. */
export class Load implements Disposable {
  readonly watchers: Watched[] = [];
  private finishing = false;

  private constructor(private readonly system: SystemHarness) {}

  /** Settles when every watcher has received its first text. */
  static async start(system: SystemHarness, options: LoadOptions): Promise<Load> {
    const load = new Load(system);
    const name = crypto.randomUUID().slice(0, 8);
    await Promise.all(
      Array.from({ length: options.jobs }, (_, index) => load.open(`${name}-${index}`, index, options)),
    );
    await load.flows();
    return load;
  }

  /** Settles when every watcher, or each of those that are given, has received a text that the model sent after this call.
   *  @returns how long the last one took, milliseconds */
  async flows(watchers: readonly Watched[] = this.watchers): Promise<number> {
    const since = performance.now();
    const first = watchers.map(({ watcher }) => watcher.until(({ event, at }) => event === 'message' && at > since));
    return Math.max(...(await Promise.all(first)).map(({ at }) => at - since));
  }

  /** Ends every answer, and waits until every watcher has the end. */
  async finish(): Promise<void> {
    this.finishing = true;
    await Promise.all(this.watchers.map(({ watcher }) => watcher.over));
  }

  /** Judges what every watcher has seen. A lost log is not an offence here: the test knows whether Redis lost it. */
  async offences(): Promise<Offence[]> {
    const offences: Offence[] = [];
    for (const { id, prompt, watcher } of this.watchers) {
      await using log = await this.system.watch(id);
      await log.collect();
      const answers = this.system.model.requests.filter((request) => request.prompt === prompt);
      const rules = { logMayBeLost: true, generated: answers.map(({ said }) => said) };
      offences.push(...judgeReader({ name: `${prompt} (${id})`, events: watcher.events }, log.events, rules));
    }
    return offences;
  }

  /** How many jobs were started a second time. */
  get restarts(): number {
    return this.watchers.filter(({ watcher }) => watcher.events.some(({ event }) => event === 'reset')).length;
  }

  get longestSilenceMs(): number {
    return Math.max(...this.watchers.map(({ watcher }) => watcher.longestSilenceMs));
  }

  /** How long each token of this period took from the model to a watcher, milliseconds.
   *  @param from and `until`: performance.now() */
  delaysMs(from: number, until: number): number[] {
    const messages = this.watchers.flatMap(({ watcher }) => watcher.events.filter(({ event }) => event === 'message'));
    return messages.flatMap(({ at, data }) =>
      [...String(data.text).matchAll(/:(\S+) /g)]
        .map(([, saidAt]) => Number(saidAt))
        .filter((saidAt) => saidAt >= from && saidAt < until)
        .map((saidAt) => at - saidAt),
    );
  }

  /** number of reconnections */
  get resumptions(): number {
    return this.watchers.reduce((sum, { watcher }) => sum + watcher.connections - 1, 0);
  }

  [Symbol.dispose](): void {
    this.finishing = true;
    for (const { watcher } of this.watchers) watcher.close();
  }

  private async open(prompt: string, index: number, { watchersPerJob = 1, stepMs = 50, at }: LoadOptions) {
    this.system.model.answer(() => this.tokens(prompt, stepMs), { to: prompt });
    const url = (watcher: number) => at?.(index * watchersPerJob + watcher) ?? this.system.url;
    const created = await this.system.ask(prompt, { at: url(0) });
    const id = idOf(created);
    for (let watcher = 0; watcher < watchersPerJob; watcher += 1) {
      const stream = () => `${url(watcher)}/jobs/${id}/stream`;
      this.watchers.push({ id, prompt, watcher: new ResumingReader(stream, watcher === 0 ? created : null) });
    }
  }

  /** Each token contains the time at which the model wrote it. */
  private async *tokens(prompt: string, stepMs: number): AsyncGenerator<ModelStep> {
    for (; !this.finishing; await delay(stepMs)) yield `${prompt}:${performance.now()} `;
  }
}
