import type { UIMessage } from 'ai';

/** What `GET /threads/:id/messages` gives of a message. */
interface StoredMessage {
  readonly role: string;
  readonly content: string | readonly { readonly type: string; readonly text?: string }[];
  readonly messageId: string;
  readonly jobId: string | null;
}

/** The conversation so far, which the service keeps. An answer has the id of its job, as in its stream. */
export async function storedMessages(chatId: string): Promise<UIMessage[]> {
  // makes a new chat, and leaves one that exists as it is
  const headers = { 'content-type': 'application/json' };
  await fetch('/threads', { method: 'POST', headers, body: JSON.stringify({ id: chatId }) });
  const answer = await fetch(`/threads/${chatId}/messages?limit=100`);
  if (!answer.ok) throw new Error(await answer.text());
  const { items } = (await answer.json()) as { items: readonly StoredMessage[] };
  return items.flatMap((message): UIMessage[] => {
    const { role, content, messageId, jobId } = message;
    if (role !== 'user' && role !== 'assistant') return [];
    const text = typeof content === 'string' ? content : content.map((part) => part.text ?? '').join('');
    const id = role === 'assistant' && jobId !== null ? jobId : messageId;
    return [{ id, role, parts: [{ type: 'text', text }] }];
  });
}
