import { AIMessage, type BaseMessage, HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages';
import type { Message } from '@millrace/contracts';

/** Converts a conversation to LangChain's messages.
 *
 *  Providers accept a tool result only after a call with the same id, and the contract's messages carry no ids. So the
 *  preceding assistant message gets that call; without one, an assistant message is inserted. */
export function toLangChainMessages(messages: readonly Message[]): BaseMessage[] {
  const converted: BaseMessage[] = [];
  messages.forEach(({ role, content }, index) => {
    if (role === 'tool') {
      const id = `call_${index}`;
      callBefore(converted).tool_calls?.push({ id, name: 'tool', args: {}, type: 'tool_call' });
      converted.push(new ToolMessage({ content, tool_call_id: id }));
    } else {
      converted.push(plainMessage(role, content));
    }
  });
  return converted;
}

function plainMessage(role: 'system' | 'user' | 'assistant', content: string): BaseMessage {
  switch (role) {
    case 'system':
      return new SystemMessage(content);
    case 'user':
      return new HumanMessage(content);
    case 'assistant':
      return new AIMessage(content);
  }
}

function callBefore(messages: BaseMessage[]): AIMessage {
  const caller = messages.findLast((message) => !ToolMessage.isInstance(message));
  if (AIMessage.isInstance(caller)) return caller;
  const call = new AIMessage('');
  messages.push(call);
  return call;
}
