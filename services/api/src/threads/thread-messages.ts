import { Inject, Injectable } from '@nestjs/common';
import { readListCursor, writeListCursor } from '../jobs/list-cursor.ts';
import { Conversations, type ThreadMessage } from './conversations.ts';
import { type ReadThread, ThreadAccess } from './thread-access.ts';

interface MessagesQuery extends ReadThread {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export interface MessagePage {
  /** oldest first */
  readonly items: readonly ThreadMessage[];
  readonly nextCursor: string | null;
}

/** Pages through the messages of a thread. @see PROTOCOL.md §10 */
@Injectable()
export class ThreadMessages {
  constructor(
    @Inject(ThreadAccess) private readonly access: ThreadAccess,
    @Inject(Conversations) private readonly conversations: Conversations,
  ) {}

  /** @throws ThreadNotFound, AmbiguousId, InvalidCursor, TooManyTexts, ContentUnreadable */
  async run({ limit, cursor, ...named }: MessagesQuery): Promise<MessagePage> {
    const from = cursor === undefined ? 0 : Number(readListCursor(cursor));
    const thread = await this.access.readable(named);
    const { messages, more } = await this.conversations.page(thread, { from, limit });
    return { items: messages, nextCursor: more ? writeListCursor(String(from + messages.length)) : null };
  }
}
