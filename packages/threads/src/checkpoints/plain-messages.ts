import type { ContentPart, ToolCall } from '@millrace/contracts';
import type { StateMessage } from './ports.ts';

type Fields = Readonly<Record<string, unknown>>;

/** LangChain's classes of messages, by whom each speaks for. */
const ROLES: Readonly<Record<string, StateMessage['role']>> = {
  HumanMessage: 'user',
  AIMessage: 'assistant',
  SystemMessage: 'system',
  ToolMessage: 'tool',
  FunctionMessage: 'tool',
};

/** What a ChatMessage calls its speaker, beside the roles that we have too. */
const OTHER_NAMES: Readonly<Record<string, StateMessage['role']>> = { human: 'user', ai: 'assistant' };

/** @param name of a class of LangChain
 *  @param fields what it was constructed with, as plain JSON
 *  @returns the message in the shape of PROTOCOL.md §2; undefined: the class is none of a message */
export function plainMessage(name: string, fields: Fields): StateMessage | undefined {
  const role = roleOf(name.replace(/Chunk$/, ''), fields);
  if (role === undefined) return undefined;
  const parts = partsOf(fields['content']);
  // what a model or tool has said is text in nearly all cases
  const isText = typeof parts === 'string' || (['assistant', 'tool'].includes(role) && parts.every(isTextPart));
  return {
    role,
    content:
      isText && typeof parts !== 'string' ? parts.map((part) => ('text' in part ? part.text : '')).join('') : parts,
    ...given('messageId', fields['id']),
    ...given('name', fields['name']),
    ...(Array.isArray(fields['tool_calls']) && fields['tool_calls'].length > 0
      ? { toolCalls: fields['tool_calls'].map(toolCallOf) }
      : {}),
    ...given('toolCallId', fields['tool_call_id']),
  };
}

function roleOf(name: string, fields: Fields): StateMessage['role'] | undefined {
  if (name === 'ChatMessage') {
    const said = String(fields['role']);
    return OTHER_NAMES[said] ?? (isRole(said) ? said : 'user');
  }
  const role = Object.hasOwn(ROLES, name) ? ROLES[name] : undefined;
  const more = fields['additional_kwargs'] as Fields | undefined;
  return role === 'system' && more?.['__openai_role__'] === 'developer' ? 'developer' : role;
}

function isRole(role: string): role is StateMessage['role'] {
  return ['system', 'developer', 'user', 'assistant', 'tool'].includes(role);
}

function isTextPart(part: ContentPart): boolean {
  return part.type === 'text';
}

function given<Name extends string>(name: Name, value: unknown): { readonly [N in Name]?: string } {
  return (typeof value === 'string' && value !== '' ? { [name]: value } : {}) as { readonly [N in Name]?: string };
}

function toolCallOf(call: Fields): ToolCall {
  return {
    callId: String(call['id'] ?? ''),
    name: String(call['name'] ?? ''),
    arguments: JSON.stringify(call['args'] ?? {}),
  };
}

/** Content is a string, or blocks of LangChain's or a provider's kinds. Blocks that have no part of ours (reasoning, a tool
 *  call that `tool_calls` has too) are left out. */
function partsOf(content: unknown): string | ContentPart[] {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.flatMap((block: unknown): ContentPart[] => {
    if (typeof block === 'string') return [{ type: 'text', text: block }];
    if (typeof block !== 'object' || block === null) return [];
    const fields = block as Fields;
    if (fields['type'] === 'text') return [{ type: 'text', text: String(fields['text'] ?? '') }];
    const media = mediaOf(fields);
    return media === undefined ? [] : [media];
  });
}

function mediaOf(block: Fields): ContentPart | undefined {
  const type = String(block['type']);
  if (type === 'image_url') {
    const image = block['image_url'] as Fields | string | undefined;
    return fromUrl('image', typeof image === 'string' ? image : image?.['url']);
  }
  if (type === 'input_audio') {
    const { data, format } = (block['input_audio'] ?? {}) as Fields;
    return typeof data === 'string' ? { type: 'audio', data, mediaType: `audio/${format}` } : undefined;
  }
  if (type !== 'image' && type !== 'audio' && type !== 'file') return undefined;
  const data = block['data'] ?? block['base64'];
  const mediaType = block['mimeType'] ?? block['mime_type'];
  if (typeof data === 'string') return { type, data, ...given('mediaType', mediaType) };
  return fromUrl(type, block['url']);
}

function fromUrl(type: 'image' | 'audio' | 'file', url: unknown): ContentPart | undefined {
  if (typeof url !== 'string') return undefined;
  const [, mediaType, data] = /^data:([^;,]*);base64,(.*)$/s.exec(url) ?? [];
  return data === undefined ? { type, url } : { type, data, ...given('mediaType', mediaType) };
}
