import {
  AIMessage,
  type BaseMessage,
  ChatMessage,
  HumanMessage,
  type MessageContent,
  SystemMessage,
  ToolMessage,
} from '@langchain/core/messages';
import type { ContentPart, Message, ToolCall } from '@millrace/contracts';
import { dataBlock, openAiBlock } from './media-blocks.ts';

/** Converts a conversation to LangChain's messages.
 *
 *  Providers accept a tool result only after a call with the same id. A result without an id gets the id of the first open
 *  call of the preceding assistant message; without one, a call, and if need be an assistant message, is inserted.
 *  @param provider where it is `openai`, media and tool calls take the form of Chat Completions and reach the model unchanged;
 *    otherwise they take LangChain's own form, which each provider's package converts */
export function toLangChainMessages(
  messages: readonly Message[],
  { provider = '' }: { readonly provider?: string } = {},
): BaseMessage[] {
  const isOpenAi = provider === 'openai';
  return linked(messages).map((message) => converted(message, isOpenAi));
}

function converted({ role, content: given, name, toolCalls, toolCallId }: Message, isOpenAi: boolean): BaseMessage {
  const fields = { content: contentOf(given, isOpenAi), ...(name === undefined ? {} : { name }) };
  switch (role) {
    case 'system':
      return new SystemMessage(fields);
    case 'developer':
      // a role of OpenAI's alone
      return isOpenAi ? new ChatMessage({ ...fields, role }) : new SystemMessage(fields);
    case 'user':
      return new HumanMessage(fields);
    case 'assistant':
      return assistantMessage(fields, toolCalls ?? [], isOpenAi);
    case 'tool':
      return new ToolMessage({ ...fields, tool_call_id: toolCallId ?? '' });
  }
}

function assistantMessage(
  fields: { content: MessageContent },
  calls: readonly ToolCall[],
  isOpenAi: boolean,
): AIMessage {
  if (calls.length === 0) return new AIMessage(fields);
  if (!isOpenAi) {
    const toolCalls = calls.map(({ callId: id, name, arguments: json }) => ({ id, name, args: JSON.parse(json) }));
    return new AIMessage({ ...fields, tool_calls: toolCalls });
  }
  const message = new AIMessage(fields);
  // parsed and written again, arguments lose the digits of long numbers: ChatOpenAI sends calls that stand here as they are
  message.additional_kwargs = {
    tool_calls: calls.map(({ callId: id, name, arguments: json }) => ({
      ...{ id, type: 'function' as const },
      function: { name, arguments: json },
    })),
  };
  return message;
}

function contentOf(content: string | readonly ContentPart[], isOpenAi: boolean): MessageContent {
  if (typeof content === 'string') return content;
  return content.map((part) => (part.type === 'text' ? part : isOpenAi ? openAiBlock(part) : dataBlock(part)));
}

/** Gives every tool result the call that it answers. */
export function linked(messages: readonly Message[]): Message[] {
  const all: Message[] = [];
  messages.forEach((message, index) => {
    if (message.role !== 'tool' || message.toolCallId !== undefined) {
      all.push(message);
      return;
    }
    let at = all.findLastIndex(({ role }) => role !== 'tool');
    if (all[at]?.role !== 'assistant') at = all.push({ role: 'assistant', content: '' }) - 1;
    const caller = all[at] as Message;
    const calls = caller.toolCalls ?? [];
    const answered = new Set(all.slice(at + 1).map(({ toolCallId }) => toolCallId));
    const call = calls.find(({ callId }) => !answered.has(callId));
    const callId = call?.callId ?? `call_${index}`;
    if (call === undefined) {
      all[at] = { ...caller, toolCalls: [...calls, { callId, name: message.name ?? 'tool', arguments: '{}' }] };
    }
    all.push({ ...message, toolCallId: callId });
  });
  return all;
}
