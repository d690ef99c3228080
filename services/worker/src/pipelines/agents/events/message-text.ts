import type { AnyMessage } from './any-message.ts';
import { plain } from './plain.ts';

/** The text of a message; what is not text, as JSON. */
export function textOf({ content }: Pick<AnyMessage, 'content'>): string {
  if (typeof content === 'string') return content;
  if (content === undefined || content === null) return '';
  const texts = Array.isArray(content)
    ? content.map((block) => (block.type === 'text' && typeof block['text'] === 'string' ? block['text'] : null))
    : [null];
  return texts.every((text) => text !== null) ? texts.join('') : JSON.stringify(plain(content));
}
