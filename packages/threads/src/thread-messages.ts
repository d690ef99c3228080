import type { Message, SaidMessage, ThreadRef } from '@millrace/contracts';
import type { ContentCipher, PlaceCipher, RedisConnection, Sealer } from '@millrace/stream-log';
import { type RunScript, scriptsOf } from './redis/thread-scripts.ts';
import { cipherOf, MESSAGE } from './thread-content.ts';
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
 *  @returns JSON, each with an id that is the same however often it is stored */
export function storedMessages(jobId: string, messages: readonly (Message | SaidMessage)[], role: 'asked' | 'said') {
  return messages.map((message, i) => JSON.stringify({ messageId: `${jobId}-${role}-${i}`, ...message, jobId }));
}

/** @param sealer null: nothing is encrypted
 *  @returns messages as the scripts store them */
export function sealedMessages(messages: readonly string[], sealer: Sealer | null): readonly (string | Buffer)[] {
  return sealer === null ? messages : messages.map((message) => sealer.sealBytes(Buffer.from(message), MESSAGE));
}

/** Reads the conversations of threads whose jobs are not of an agent. */
export class MessageReader {
  readonly #run: RunScript<keyof typeof SCRIPTS>;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: ThreadKeys,
    readonly cipher: ContentCipher,
  ) {
    this.#run = scriptsOf(redis, 'thread', SCRIPTS);
  }

  /** @param from how many messages to leave out
   *  @param limit may be Infinity
   *  @returns oldest first, as JSON; fewer than `limit` only at the end
   *  @throws ContentUnreadable */
  async read(ref: ThreadRef, from: number, limit: number): Promise<string[]> {
    const messages: string[] = [];
    const key = [this.keys.messages(ref)];
    const cipher = cipherOf(this.cipher, ref);
    while (messages.length < limit) {
      const first = from + messages.length;
      const last = Math.min(from + limit, Number.MAX_SAFE_INTEGER) - 1;
      const page = (await this.#run.bytes('page', key, [first, last, READ_BYTES])) as Buffer[];
      if (page.length === 0) break;
      messages.push(...(await opened(page, cipher)));
    }
    return messages;
  }

  /** As {@link read}, as much as one page holds. */
  async page(ref: ThreadRef, from: number, limit: number): Promise<MessagePage> {
    const key = this.keys.messages(ref);
    const last = Math.min(from + limit, Number.MAX_SAFE_INTEGER) - 1;
    const [page, total] = await Promise.all([
      this.#run.bytes('page', [key], [from, last, PAGE_BYTES]) as Promise<Buffer[]>,
      this.redis.llen(key),
    ]);
    const messages = await opened(page, cipherOf(this.cipher, ref));
    return { messages: parseMessages(messages), more: from + page.length < total };
  }
}

function opened(page: readonly Buffer[], cipher: PlaceCipher): Promise<string[]> {
  return Promise.all(page.map(async (message) => (await cipher.openBytes(message, MESSAGE)).toString('utf8')));
}

/** @param messages JSON */
export function parseMessages(messages: readonly string[]): ThreadMessage[] {
  return messages.map((message) => JSON.parse(message) as ThreadMessage);
}
