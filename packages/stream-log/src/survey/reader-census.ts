import type { JobRef } from '@millrace/contracts';
import type { ChannelHub } from '../channel/channel-hub.ts';
import { publishCommand, type RedisConnection } from '../redis/define-scripts.ts';
import type { KeySpace } from '../redis/keys.ts';

/** How long to wait for nodes that do not answer, milliseconds. */
const ANSWER_MS = 500;
/** How long to wait before subscribing again that failed, milliseconds. */
const RETRY_MS = 2_000;

/** How many readers a node has of a job. */
export interface NodeReaders {
  readonly node: string;
  readonly readers: number;
}

/** Who reads a job on which node: asked when somebody wants to know, so that nothing is written when readers come and go. */
export class ReaderCensus {
  #retry: NodeJS.Timeout | null = null;
  #closed = false;

  /** @param node the id of this one
   *  @param countOf how many readers this node has of a job */
  constructor(
    readonly redis: RedisConnection,
    readonly hub: ChannelHub,
    readonly keys: Pick<KeySpace, 'readerQuestions' | 'readerAnswers'>,
    readonly node: string,
    readonly countOf: (ref: JobRef) => number,
  ) {}

  /** Answers the questions of all nodes until it is closed. */
  async open(): Promise<void> {
    try {
      await this.hub.subscribe(this.keys.readerQuestions, {
        message: (question) => this.#answer(question),
        // a question that was lost has no answer from here: whoever asks again gets one
        resubscribed: () => undefined,
      });
    } catch {
      if (!this.#closed) this.#retry = setTimeout(() => void this.open(), RETRY_MS);
    }
  }

  close(): void {
    this.#closed = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.hub.unsubscribe(this.keys.readerQuestions);
  }

  /** @returns the nodes that have readers of a job; those that do not answer within half a second are left out */
  async ask(ref: JobRef): Promise<NodeReaders[]> {
    const channel = this.keys.readerAnswers(crypto.randomUUID());
    const answers: NodeReaders[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    let asked = Number.POSITIVE_INFINITY;
    await this.hub.subscribe(channel, {
      message: (answer) => {
        const [node = '', readers] = answer.split(' ');
        answers.push({ node, readers: Number(readers) });
        if (answers.length >= asked) resolve();
      },
      resubscribed: () => undefined,
    });
    const timer = setTimeout(resolve, ANSWER_MS);
    try {
      asked = await this.#publish(this.keys.readerQuestions, `${channel} ${ref}`);
      if (answers.length >= asked) resolve();
      await promise;
    } finally {
      clearTimeout(timer);
      this.hub.unsubscribe(channel);
    }
    return answers.filter(({ readers }) => readers > 0);
  }

  #answer(question: string): void {
    const [channel = '', ref] = question.split(' ');
    this.#publish(channel, `${this.node} ${this.countOf(ref as JobRef)}`).catch(() => undefined); // asked again, perhaps
  }

  /** @returns how many nodes hear it */
  async #publish(channel: string, message: string): Promise<number> {
    const isSharded = publishCommand(this.redis) === 'SPUBLISH';
    return Number(await (isSharded ? this.redis.spublish(channel, message) : this.redis.publish(channel, message)));
  }
}
