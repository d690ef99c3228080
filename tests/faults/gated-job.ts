import type { ModelGate, ModelRequest } from '@millrace/simulated-model';
import { judgeReader, type Offence, ResumingReader, type SseEvent } from '@millrace/testing';
import { type CreateOptions, idOf, type SystemHarness } from '../e2e/system-harness.ts';

const WORDS = 20;
const AT_A_TIME = 10;

interface GatedJobOptions extends CreateOptions {
  /** `chat` when left out */
  readonly pipeline?: string;
}

/** A job whose first attempt writes its answer word by word, on command; every later attempt writes all of it by
 *  itself, in about 100 ms. It has two watchers: its creator, and a second reader. */
export class GatedJob {
  private spoken = 0;

  private constructor(
    private readonly system: SystemHarness,
    readonly prompt: string,
    readonly words: readonly string[],
    /** writes the model's answer in the first attempt */
    readonly gate: ModelGate,
    readonly id: string,
    readonly watchers: readonly ResumingReader[],
  ) {}

  /** POSTs the job, and starts its watchers. */
  static async open(system: SystemHarness, options: GatedJobOptions = {}): Promise<GatedJob> {
    const prompt = `gated ${crypto.randomUUID().slice(0, 8)}`;
    const words = Array.from({ length: WORDS }, (_, index) => `${prompt}:${index} `);
    system.model.answer(words, { to: prompt, stepMs: 5 });
    const gate = system.model.gated({ to: prompt });
    const { pipeline } = options;
    const created = await system.ask(pipeline === undefined ? prompt : { query: prompt, pipeline }, options);
    const id = idOf(created);
    const url = () => `${system.url}/jobs/${id}/stream`;
    const watchers = [created, null].map((first) => system.use(new ResumingReader(url, first)));
    return new GatedJob(system, prompt, words, gate, id, watchers);
  }

  /** POSTs this many jobs, a few at a time. */
  static async openMany(system: SystemHarness, count: number, options: GatedJobOptions = {}): Promise<GatedJob[]> {
    const jobs: GatedJob[] = [];
    while (jobs.length < count) {
      const next = Array.from({ length: Math.min(AT_A_TIME, count - jobs.length) }, () =>
        GatedJob.open(system, options),
      );
      jobs.push(...(await Promise.all(next)));
    }
    return jobs;
  }

  /** its requests to the model, one per attempt that reached it so far */
  get requests(): ModelRequest[] {
    return this.system.model.requests.filter(({ prompt }) => prompt === this.prompt);
  }

  /** settles when every watcher has received the terminal event */
  get over(): Promise<unknown> {
    return Promise.all(this.watchers.map((watcher) => watcher.over));
  }

  /** Writes the next words, and waits until every watcher has them; without words, until the model has been called. */
  async say(count: number): Promise<void> {
    await this.gate.request;
    const words = this.words.slice(this.spoken, this.spoken + count);
    this.spoken += words.length;
    for (const word of words) await this.gate.say(word);
    const last = words.at(-1);
    if (last === undefined) return;
    const heard = ({ event, data }: SseEvent) => event === 'message' && data.text.endsWith(last);
    await Promise.all(this.watchers.map((watcher) => watcher.until(heard)));
  }

  /** Writes the remaining words and ends the answer, without waiting for the watchers. */
  async finish(): Promise<void> {
    for (const word of this.words.slice(this.spoken)) await this.gate.say(word);
    this.spoken = this.words.length;
    await this.gate.finish();
  }

  /** @returns the `started` event of an attempt, as received by the last watcher to get it */
  async started(attempt: number): Promise<SseEvent> {
    const isIt = ({ event, data }: SseEvent) => event === 'started' && data.attempt === attempt;
    const seen = await Promise.all(this.watchers.map((watcher) => watcher.until(isIt)));
    return seen.reduce((latest, event) => (event.at > latest.at ? event : latest));
  }

  /** Judges what both watchers have seen. The text of a cancelled job may be only the beginning of the answer. */
  async offences(): Promise<Offence[]> {
    await using log = await this.system.watch(this.id);
    await log.collect();
    const whole = this.requests.at(-1)?.said ?? '';
    return this.watchers.flatMap(({ events, terminal, text }, index) => {
      const answer = terminal?.event === 'cancelled' && whole.startsWith(text) ? text : whole;
      const seen = { name: `${this.prompt} (${this.id}), watcher ${index}`, events };
      return judgeReader(seen, log.events, { generated: [answer] });
    });
  }
}

/** @returns the offences of all jobs; see {@link GatedJob.offences} */
export async function offencesOf(jobs: readonly GatedJob[]): Promise<Offence[]> {
  return (await Promise.all(jobs.map((job) => job.offences()))).flat();
}
