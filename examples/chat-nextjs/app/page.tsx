import { redirect } from 'next/navigation';
import { Chat } from './chat';
import { chatToken, millraceUrl } from './millrace';
import { storedMessages } from './stored-messages';

interface PageProps {
  readonly searchParams: Promise<{ readonly chat?: string }>;
}

/** The chat that the address names, with what has been said so far; a new one if it names none. A site with accounts checks here
 *  whose chat it is. */
export default async function Page({ searchParams }: PageProps) {
  const { chat } = await searchParams;
  if (chat === undefined) redirect(`/?chat=${crypto.randomUUID()}`);
  const [stored, token] = await Promise.all([storedMessages(chat), chatToken(chat)]);
  return <Chat key={chat} id={chat} stored={stored} api={`${millraceUrl}/api/chat`} token={token} />;
}
