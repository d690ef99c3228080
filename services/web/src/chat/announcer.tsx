import type { ConversationMessage } from '@millrace/client/conversation';
import { useEffect, useRef, useState } from 'react';
import { cancelledSentence } from './wording.ts';

/** Reads an answer out when it is whole, and not token by token. What was there before the page came is not read. */
export function Announcer({ messages }: { readonly messages: readonly ConversationMessage[] }) {
  const [spoken, setSpoken] = useState('');
  const last = messages.at(-1);
  const open = useRef<string | null>(null);
  useEffect(() => {
    if (last?.role !== 'assistant') return;
    if (last.status === 'queued' || last.status === 'active') {
      open.current = last.id;
      return;
    }
    if (open.current !== last.id) return;
    open.current = null;
    const text = last.parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
    setSpoken(last.status === 'cancelled' ? `${text} ${cancelledSentence(last.cancelledBy)}` : text);
  }, [last]);
  return (
    <p className="visually-hidden" role="status">
      {spoken}
    </p>
  );
}
