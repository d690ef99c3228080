import type { AnswerMessage, AnswerPart, ToolPart } from '../answer.ts';
import type { ContentPart } from '../job-view.ts';
import type { ThreadMessage } from '../thread-view.ts';

/** Messages of a model and its tools, as a thread keeps them, in the form in which their events would have told them. */
export function stepsOf(said: readonly ThreadMessage[]): readonly AnswerMessage[] {
  const results = new Map<string | undefined, ThreadMessage>();
  for (const message of said) if (message.role === 'tool') results.set(message.toolCallId, message);
  return said
    .filter(({ role }) => role !== 'tool')
    .map(({ messageId = '', content, toolCalls = [] }) => {
      const text = textOfContent(content);
      const spoken: AnswerPart[] = text === '' ? [] : [{ type: 'text', text }];
      const called = toolCalls.map(({ callId, name, arguments: written }): ToolPart => {
        const result = results.get(callId);
        const state = result === undefined ? 'called' : 'answered';
        const answered = result === undefined ? null : textOfContent(result.content);
        return { type: 'tool', callId, name, arguments: written, state, result: answered };
      });
      const parts = [...spoken, ...called];
      return { id: messageId, parts, isComplete: true, node: null, namespace: [], finishReason: null };
    });
}

export function partsOfContent(content: string | readonly ContentPart[]): readonly ContentPart[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}

export function textOfContent(content: string | readonly ContentPart[]): string {
  return partsOfContent(content)
    .map((part) => (part.type === 'text' ? part.text : ''))
    .join('');
}
