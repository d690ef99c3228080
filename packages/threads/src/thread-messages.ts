import type { Message, SaidMessage, ThreadRef } from '@millrace/contracts';
import type { RedisConnection } from '@millrace/stream-log';
import { type RunScript, scriptsOf } from './redis/thread-scripts.ts';
import type { ThreadKeys } from './thread-keys.ts';

/** A message of a conversation, and the job that brought or said it. */
export type ThreadMessage = Message & { readonly messageId: string; readonly jobId: string };

const SCRIPTS = { page: [1] } as const;

/** Bytes read at a time: how long one read may hold up Redis. */
const READ_BYTES = 4 * 1024 * 1024;
/** A page for a caller has no more, unless one message does (law 16). */
const PAGE_BYTES = 1024 * 1024;

export interface MessagePage {
  /** oldest first; fewer than asked for where they are large */
  readonly messages: readonly ThreadMessage[];
  readonly more: boolean;
}

/** @param role of these messages in the job: what it was asked, or what it said
 *  @returns what the scripts store, each with an id that is the same however often it is stored */
export function storedMessages(jobId: string, messages: readonly (Message | SaidMessage)[], role: 'asked' | 'said') {
  return messages.map((message, i) => JSON.stringify({ messageId: `${jobId}-${role}-${i}`, ...message, jobId }));
}

/** Reads the conversations of threads whose jobs are not of an agent. */
export class MessageReader {
  readonly #run: RunScript<keyof typeof SCRIPTS>;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: ThreadKeys,
  ) {
    this.#run = scriptsOf(redis, 'thread', SCRIPTS);
  }

  /** @param from how many messages to leave out
   *  @param limit may be Infinity
   *  @returns oldest first, as JSON; fewer than `limit` only at the end */
  async read(ref: ThreadRef, from: number, limit: number): Promise<string[]> {
    const messages: string[] = [];
    const key = [this.keys.messages(ref)];
    while (messages.length < limit) {
      const first = from + messages.length;
      const last = Math.min(from + limit, Number.MAX_SAFE_INTEGER) - 1;
      const page = (await this.#run('page', key, [first, last, READ_BYTES])) as string[];
      if (page.length === 0) break;
      messages.push(...page);
    }
    return messages;
  }

  /** As {@link read}, as much as one page holds. */
  async page(ref: ThreadRef, from: number, limit: number): Promise<MessagePage> {
    const key = this.keys.messages(ref);
    const last = Math.min(from + limit, Number.MAX_SAFE_INTEGER) - 1;
    const [page, total] = await Promise.all([
      this.#run('page', [key], [from, last, PAGE_BYTES]) as Promise<string[]>,
      this.redis.llen(key),
    ]);
    return { messages: parseMessages(page), more: from + page.length < total };
  }
}

export function parseMessages(stored: readonly string[]): ThreadMessage[] {
  return stored.map((message) => JSON.parse(message) as ThreadMessage);
}
