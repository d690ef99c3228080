import type { UIMessage } from 'ai';
import { askMillrace } from './millrace';

/** A message of `GET /threads/:id/messages`. */
interface StoredMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: string | readonly { readonly text?: string }[];
  readonly messageId: string;
  /** of the job that brought or said it */
  readonly jobId: string | null;
}

interface StoredPage {
  readonly items: readonly StoredMessage[];
  readonly nextCursor: string | null;
}

/** What has been said in a chat, by either side: Millrace keeps it, under the chat's id. */
export async function storedMessages(chatId: string): Promise<UIMessage[]> {
  const messages: UIMessage[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query = new URLSearchParams({ limit: '100', ...(cursor && { cursor }) });
    const answer = await askMillrace(`/threads/${encodeURIComponent(chatId)}/messages?${query}`);
    if (answer.status === 404) return []; // a new chat
    const page: StoredPage = await answer.json();
    messages.push(...page.items.flatMap(toUiMessage));
    cursor = page.nextCursor;
  }
  return messages;
}

function toUiMessage({ role, content, messageId, jobId }: StoredMessage): UIMessage[] {
  if (role !== 'user' && role !== 'assistant') return [];
  const text = typeof content === 'string' ? content : content.map((part) => part.text ?? '').join('');
  // in its stream an answer has the id of its job
  const id = role === 'assistant' ? (jobId ?? messageId) : messageId;
  return [{ id, role, parts: [{ type: 'text', text }] }];
}
