import type { ContentPart, Message, ToolCall, Usage } from '@millrace/contracts';

/** A message in the shape of PROTOCOL.md §2, as a thread keeps it. */
export interface KeptMessage {
  readonly role: Message['role'];
  readonly content: string | readonly ContentPart[];
  readonly messageId?: string | undefined;
  readonly name?: string | undefined;
  readonly toolCalls?: readonly ToolCall[] | undefined;
  readonly toolCallId?: string | undefined;
}

interface WireToolCall {
  readonly type: 'tool_call';
  readonly id: string;
  readonly name: string;
  readonly args: object;
}

interface InvalidWireToolCall {
  readonly type: 'invalid_tool_call';
  readonly id: string;
  readonly name: string;
  /** as the model wrote it */
  readonly args: string;
  readonly error: string;
}

export interface UsageMetadata {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly total_tokens: number;
}

/** A message as LangGraph's server writes it. */
export interface WireMessage {
  readonly type: 'human' | 'ai' | 'tool' | 'system';
  readonly content: string | readonly object[];
  readonly id?: string;
  readonly name?: string;
  readonly additional_kwargs: Readonly<Record<string, unknown>>;
  readonly response_metadata: Readonly<Record<string, unknown>>;
  /** of `ai` */
  readonly tool_calls?: readonly WireToolCall[];
  readonly invalid_tool_calls?: readonly InvalidWireToolCall[];
  readonly usage_metadata?: UsageMetadata;
  /** of `tool` */
  readonly tool_call_id?: string;
  readonly status?: 'success' | 'error';
}

const TYPES = { system: 'system', developer: 'system', user: 'human', assistant: 'ai', tool: 'tool' } as const;

/** What LangChain's own packages add to the message of a developer, which has no type of its own. */
export const DEVELOPER = { __openai_role__: 'developer' } as const;

/** A message as LangGraph's clients read it. */
export function wireMessage(message: KeptMessage): WireMessage {
  const { role, content, messageId, name, toolCalls = [], toolCallId } = message;
  return {
    type: TYPES[role],
    content: typeof content === 'string' ? content : content.map(blockOf),
    ...(messageId === undefined ? {} : { id: messageId }),
    ...(name === undefined ? {} : { name }),
    additional_kwargs: role === 'developer' ? DEVELOPER : {},
    response_metadata: {},
    ...(role === 'assistant' ? wireToolCalls(toolCalls) : {}),
    ...(role === 'tool' ? { tool_call_id: toolCallId ?? '', status: 'success' } : {}),
  };
}

/** Calls of tools, apart from those whose arguments are no JSON object. */
function wireToolCalls(calls: readonly ToolCall[]): Required<Pick<WireMessage, 'tool_calls' | 'invalid_tool_calls'>> {
  const valid: WireToolCall[] = [];
  const invalid: InvalidWireToolCall[] = [];
  for (const { callId: id, name, arguments: json } of calls) {
    const args = objectIn(json);
    if (args !== null) valid.push({ type: 'tool_call', id, name, args });
    else invalid.push({ type: 'invalid_tool_call', id, name, args: json, error: 'The arguments are no JSON object.' });
  }
  return { tool_calls: valid, invalid_tool_calls: invalid };
}

/** Tokens as LangChain counts them. */
export function usageMetadata({ inputTokens, outputTokens }: Usage): UsageMetadata {
  return { input_tokens: inputTokens, output_tokens: outputTokens, total_tokens: inputTokens + outputTokens };
}

/** Images in OpenAI's form, which is the one that the client's types know; the rest in LangChain's. */
function blockOf(part: ContentPart): object {
  if (part.type === 'text') return { type: 'text', text: part.text };
  const { type, url, data, mediaType, name } = part;
  if (type === 'image') {
    return { type: 'image_url', image_url: { url: url ?? `data:${mediaType ?? 'image/png'};base64,${data}` } };
  }
  return {
    type,
    ...(url === undefined ? { source_type: 'base64', data } : { source_type: 'url', url }),
    ...(mediaType === undefined ? {} : { mime_type: mediaType }),
    ...(name === undefined ? {} : { metadata: { filename: name } }),
  };
}

function objectIn(json: string): object | null {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
