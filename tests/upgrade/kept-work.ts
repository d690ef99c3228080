import { randomBytes } from 'node:crypto';
import { expect } from '@jest/globals';
import { eventually } from '@millrace/testing';
import { facts, idOf, type SystemHarness } from '../e2e/system-harness.ts';
import { Receiver } from '../e2e/webhook-receiver.ts';

const QUESTIONS = 6;
/** After this time the delayed jobs start, milliseconds: while processes are being replaced. */
const DELAY_MS = 12_000;
const ANSWER = ['kept ', 'word ', 'for word'];

/** Work that one version takes on and another one ends: questions that wait for an answer, threads to be continued, jobs that
 *  start later, keys of requests, answers that have ended. */
export class KeptWork implements AsyncDisposable {
  private readonly name = randomBytes(4).toString('hex');
  /** an answer that has ended, and what its reader saw */
  private finished: { readonly id: string; readonly facts: readonly string[] } | null = null;
  private readonly delayed: string[] = [];

  private constructor(
    private readonly system: SystemHarness,
    private readonly receiver: Receiver,
  ) {}

  static env(): Readonly<Record<string, string>> {
    return {
      MILLRACE_WEBHOOK_SECRET: `whsec_${randomBytes(32).toString('base64')}`,
      MILLRACE_WEBHOOK_ALLOW: '127.0.0.1',
    };
  }

  /** Makes it all. */
  static async start(system: SystemHarness): Promise<KeptWork> {
    const work = new KeptWork(system, await new Receiver().start());
    system.model.answer(ANSWER, { to: /^kept/, stepMs: 20 });
    for (let index = 0; index < QUESTIONS; index += 1) await work.ask(index);
    await work.say('first');
    work.finished = await work.answer();
    for (let index = 0; index < 4; index += 1) work.delayed.push(await work.later(index));
    return work;
  }

  /** Answers some of the questions at a node, and continues the thread there. */
  async goOn(questions: readonly number[], at: string): Promise<void> {
    for (const index of questions) {
      await using stream = await this.system.ask({ threadId: this.question(index), resume: `answer ${index}` }, { at });
      await stream.collect();
      expect([stream.terminal()?.event, stream.text()]).toEqual(['done', `You said answer ${index}, of 1.`]);
    }
    await this.say(`at ${at}`, at);
    expect(await this.answer(at)).toEqual(this.finished);
  }

  /** Awaits what starts by itself, then looks at everything once more. */
  async end(): Promise<void> {
    for (const [index, id] of this.delayed.entries()) {
      await using stream = await this.system.watch(id);
      await stream.collect();
      expect([stream.terminal()?.event, stream.text()]).toEqual(['done', ANSWER.join('')]);
      await eventually(() => this.receiver.at(`/${this.name}-${index}`).length > 0);
    }
    const { items } = (await this.get(`/threads/${this.name}/messages`)) as { items: { content: string }[] };
    const said = items.filter((_, place) => place % 2 === 1).map(({ content }) => content);
    expect(new Set(said)).toEqual(new Set([ANSWER.join('')]));
    // the question of the thread, its answer, and what was said of it
    const asked = (await this.get(`/threads/${this.question(0)}/messages`)) as { items: unknown[] };
    expect(asked.items).toHaveLength(2);
  }

  /** Cancels what runs and erases what has ended, whoever began them. */
  async remove(): Promise<void> {
    const gate = this.system.model.gated({ to: `to be cancelled ${this.name}` });
    await using stream = await this.system.askUntilText(`to be cancelled ${this.name}`, gate, 'so far');
    await this.system.cancel(idOf(stream));
    await stream.collect();
    expect(stream.terminal()?.event).toBe('cancelled');
    const ids = [this.finished?.id ?? '', idOf(stream)];
    for (const id of ids) {
      const erased = await eventually(async () => {
        const answer = await fetch(`${this.system.url}/jobs/${id}/data`, { method: 'DELETE' });
        return answer.status === 409 ? undefined : answer;
      });
      expect([erased.status, (await fetch(`${this.system.url}/jobs/${id}`)).status]).toEqual([204, 404]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.receiver[Symbol.asyncDispose]();
  }

  private question(index: number): string {
    return `question-${this.name}-${index}`;
  }

  private async ask(index: number): Promise<void> {
    const asked = { pipeline: 'asking', threadId: this.question(index), query: `kept ${index}` };
    await using stream = await this.system.ask(asked);
    await stream.collect();
    expect(await this.get(`/threads/${this.question(index)}`)).toMatchObject({ status: 'interrupted' });
  }

  /** One more message of a thread without an agent: its model is told all that was said. */
  private async say(what: string, at?: string): Promise<void> {
    const options = at === undefined ? {} : { at };
    await using stream = await this.system.ask({ threadId: this.name, query: `kept ${what}` }, options);
    await stream.collect();
    expect(stream.text()).toBe(ANSWER.join(''));
  }

  /** The answer to one idempotency key, whoever is asked. */
  private async answer(at?: string): Promise<{ id: string; facts: readonly string[] }> {
    const options = at === undefined ? {} : { at };
    const headers = { 'idempotency-key': this.name };
    await using stream = await this.system.ask('kept, and asked again', { ...options, headers });
    await stream.collect();
    return { id: idOf(stream), facts: facts(stream) };
  }

  private async later(index: number): Promise<string> {
    const answer = await fetch(`${this.system.url}/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({
        query: `kept for later ${index}`,
        delayMs: DELAY_MS,
        webhook: `${this.receiver.url}/${this.name}-${index}`,
      }),
    });
    expect(answer.status).toBe(202);
    return ((await answer.json()) as { id: string }).id;
  }

  private async get(path: string): Promise<unknown> {
    const answer = await fetch(`${this.system.url}${path}`);
    expect([path, answer.status]).toEqual([path, 200]);
    return answer.json();
  }
}
