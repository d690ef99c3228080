import { setTimeout as delay } from 'node:timers/promises';
import { ResumingReader, readSse, type SseReader } from '@millrace/testing';
import { promptOf } from './answer.ts';
import { ask } from './ask.ts';
import type { JobPlan, Visit } from './job-plan.ts';
import { headersOf, type Stage } from './stage.ts';
import type { Ask, Read, Watched } from './testimony.ts';

const ACCEPT = { stream: 'text/event-stream', text: 'text/plain', json: 'application/json', wait: 'application/json' };
const WAIT_SECONDS = 10;
// 503 is due within 2 s; the rest allows for a busy machine
const ANSWER_MS = 20_000;
const BETWEEN_ASKS_MS = 200;
// of tests/stepper/langgraph.json
const AGENT = 'stepper';

/** One job of the load: carries out its plan, and records the answers. */
export class JobRun {
  readonly asks: Ask[] = [];
  readonly read: Read[] = [];
  id: string | null = null;
  /** the plan is done, and a reader has read the whole log up to its end; or it was refused for good */
  over = false;
  /** its thread has been deleted, and it with the thread */
  isErased = false;
  /** settles when it is {@link over}; never if the job does not end */
  done: Promise<void> = Promise.resolve();
  private readonly answered = Promise.withResolvers<void>();
  private readonly readers: { readonly name: string; readonly watcher: ResumingReader; left: boolean }[] = [];
  private acceptedAt = 0;

  constructor(
    private readonly stage: Stage,
    readonly plan: JobPlan,
  ) {}

  /** settles when it was accepted, or refused for good */
  get accepted(): Promise<void> {
    return this.answered.promise;
  }

  begin(): this {
    this.done = this.run();
    return this;
  }

  /** what each watcher has seen so far */
  get seen(): Watched[] {
    return this.readers.map(({ name, left, watcher: { events, refusals, connections } }) => {
      return { name, left, events, refusals, connections };
    });
  }

  private async run(): Promise<void> {
    const { visits, repeatsMs, cancelsMs, leavesMs } = this.plan;
    const created = await this.post();
    this.answered.resolve();
    if (created === null) {
      this.over = true;
      return;
    }
    this.acceptedAt = performance.now();
    await Promise.all([
      this.take('creator', created, leavesMs),
      ...visits.map((visit, index) => this.watch(`watcher ${index + 1}`, visit)),
      ...repeatsMs.map((ms, index) => this.repeat(ms, `repetition ${index + 1}`)),
      cancelsMs === null ? null : this.cancel(cancelsMs),
    ]);
    if (!this.isErased) await this.watch('last reader', { joinsMs: 0, leavesMs: null });
    this.over = true;
  }

  /** Closes everything that is still open. */
  close(): void {
    for (const reader of this.readers) {
      reader.left ||= reader.watcher.terminal === undefined;
      reader.watcher.close();
    }
  }

  /** POSTs the job; each request names the same one. */
  private async post(): Promise<Response | null> {
    const { identity, index, form } = this.plan;
    const key = `chaos-job-${String(index).padStart(6, '0')}`;
    const created = await this.insist('POST', '/jobs', [200, 202], {
      headers: {
        accept: ACCEPT[form],
        'content-type': 'application/json',
        [identity === 'request id' ? 'x-request-id' : 'idempotency-key']: key,
        ...(form === 'wait' ? { prefer: `wait=${WAIT_SECONDS}` } : {}),
      },
      body: JSON.stringify(this.body()),
    });
    this.id ??= created?.headers.get('x-request-id') ?? null;
    return created;
  }

  private body(): object {
    const { onDisconnect, onCrash, task, place, delayMs } = this.plan;
    const what = place !== null && place.answer !== null ? { resume: place.answer } : { query: promptOf(this.plan) };
    const agent = task === null ? {} : { pipeline: AGENT };
    const thread = place === null ? {} : { threadId: place.threadId, onBusy: place.onBusy };
    const later = delayMs === null ? {} : { delayMs };
    return { ...what, onDisconnect, onCrash, ...agent, ...thread, ...later };
  }

  private async repeat(ms: number, name: string): Promise<void> {
    await this.moment(ms);
    const created = await this.post();
    if (created !== null) await this.take(name, created, null);
  }

  private async cancel(ms: number): Promise<void> {
    await this.moment(ms);
    await this.insist('DELETE', `/jobs/${this.id}`, [200, 409], {});
  }

  /** Repeats a request while there is no answer, or the service says that it is unavailable.
   *  @param good statuses of an answer
   *  @returns null if it was refused in another way, or not answered in time */
  private async insist(
    what: Ask['what'],
    path: string,
    good: readonly number[],
    { headers, body }: { readonly headers?: Readonly<Record<string, string>>; readonly body?: string },
  ): Promise<Response | null> {
    const init = { method: what, headers: { ...headers, ...headersOf(this.plan.tenant) }, body: body ?? null };
    const boundMs = ANSWER_MS + (this.plan.form === 'wait' ? WAIT_SECONDS * 1_000 : 0);
    for (;;) {
      const { ask: asked, response } = await ask(what, `${this.stage.url}${path}`, init, { boundMs });
      this.asks.push(asked);
      if (good.includes(asked.status ?? 0)) return response;
      if (asked.status !== 503 && asked.status !== 0) return null;
      await delay(BETWEEN_ASKS_MS);
    }
  }

  /** Reads the answer to the POST. */
  private async take(name: string, created: Response, leavesMs: number | null): Promise<void> {
    if (this.plan.form === 'text') await this.readText(created);
    if (this.plan.form === 'stream') await this.watch(name, { joinsMs: 0, leavesMs }, await readSse(created));
  }

  private async readText(response: Response): Promise<void> {
    const decoder = new TextDecoder();
    let text = '';
    try {
      for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true });
      this.read.push({ text, clean: true });
    } catch {
      this.read.push({ text, clean: false }); // aborted by a fault, or because the job did not complete
    }
  }

  private async watch(name: string, { joinsMs, leavesMs }: Visit, first: SseReader | null = null): Promise<void> {
    await this.moment(joinsMs);
    const url = `${this.stage.url}/jobs/${this.id}/stream`;
    const watcher = new ResumingReader(() => url, first, { headers: headersOf(this.plan.tenant) });
    const reader = { name, watcher, left: false };
    this.readers.push(reader);
    if (leavesMs === null || this.isErased) return watcher.over;
    await Promise.race([watcher.over, this.moment(leavesMs)]);
    reader.left = watcher.terminal === undefined;
    watcher.close();
  }

  /** Waits until this many milliseconds after the acceptance. */
  private moment(ms: number): Promise<void> {
    return delay(Math.max(0, this.acceptedAt + ms - performance.now()));
  }
}
