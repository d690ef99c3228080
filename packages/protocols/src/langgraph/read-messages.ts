import type { ContentPart, Message, ToolCall } from '@millrace/contracts';
import { mediaSource } from '../foreign/media.ts';
import { type FieldFault, type Path, pointerTo, RequestFault } from '../foreign/request-fault.ts';
import { DEVELOPER } from './messages.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A message of a client. */
export interface ReadMessage {
  readonly message: Message;
  /** the id that the client gave it; null: none */
  readonly id: string | null;
  /** The place in the client's list for a place in `message`. */
  placeOf(path: Path): Path;
}

const MOST_MESSAGES = 1_000;
const MOST_PARTS = 100;
const SHAPES = 'must be a message: {"role", "content"}, {"type", "content"}, [role, content], or text';
const NO_FILES = 'is not supported: there are no stored files, give the content itself';

/** Roles, types, and classes of LangChain, in lower case and without `MessageChunk`, `Message`. */
const ROLES: Readonly<Record<string, Message['role']>> = {
  human: 'user',
  user: 'user',
  ai: 'assistant',
  assistant: 'assistant',
  system: 'system',
  developer: 'developer',
  tool: 'tool',
  function: 'tool',
};

/** Reads messages in any form that LangChain's clients send: `{role, content}`, `{type, content}`, `[role, content]`, text
 *  alone, an object serialized with its class (`{lc: 1, …}`), or `{type, data}` of LangChain's own storage. One message needs no list.
 *  @param at the place of the list in the body
 *  @throws RequestFault */
export function readMessages(given: unknown, at: Path): ReadMessage[] {
  const isList = Array.isArray(given);
  const list: unknown[] = isList ? given : [given];
  if (list.length > MOST_MESSAGES) throw fault(at, `must have ${MOST_MESSAGES} entries at most`);
  const faults: FieldFault[] = [];
  const messages = list.flatMap((entry, index) => {
    try {
      return [readMessage(entry, isList ? [...at, index] : at)];
    } catch (error) {
      if (!(error instanceof RequestFault)) throw error;
      faults.push(...error.errors);
      return [];
    }
  });
  if (faults.length > 0) throw new RequestFault(faults);
  return messages;
}

/** @throws RequestFault */
function readMessage(entry: unknown, at: Path): ReadMessage {
  if (typeof entry === 'string') return read({ content: entry }, { role: 'user', places: { content: at }, at });
  if (Array.isArray(entry)) {
    const [type, content, ...rest]: unknown[] = entry;
    if (rest.length > 0) throw fault(at, SHAPES);
    const places = { role: [...at, 0], content: [...at, 1] };
    return read({ content }, { role: roleOf(type, {}, places.role), places, at });
  }
  if (!isObject(entry)) throw fault(at, SHAPES);
  if (entry['lc'] !== undefined) return readSerialized(entry, at);
  const { type, role, data } = entry;
  const name = typeof role === 'string' ? 'role' : 'type';
  if (isObject(data) && typeof type === 'string' && !('content' in entry)) {
    return read(data, { role: roleOf(type, data, [...at, 'type']), places: {}, at: [...at, 'data'] });
  }
  if (typeof role !== 'string' && typeof type !== 'string') throw fault(at, SHAPES);
  return read(entry, { role: roleOf(entry[name], entry, [...at, name]), places: {}, at });
}

function readSerialized({ type, id, kwargs }: Fields, at: Path): ReadMessage {
  const name = Array.isArray(id) ? id.at(-1) : undefined;
  if (type !== 'constructor' || typeof name !== 'string' || !isObject(kwargs)) throw fault(at, SHAPES);
  return read(kwargs, { role: roleOf(name, kwargs, [...at, 'id']), places: {}, at: [...at, 'kwargs'] });
}

/** @param type a role, a type or a class of LangChain */
function roleOf(type: unknown, fields: Fields, at: Path): Message['role'] {
  const word = typeof type === 'string' ? type.replace(/Message(Chunk)?$/, '').toLowerCase() : '';
  // a ChatMessage says its role itself
  const meant = word === 'chat' || word === 'generic' ? String(fields['role']).toLowerCase() : word;
  if (meant === 'remove') throw fault(at, 'is not supported: a request cannot remove messages');
  const role = Object.hasOwn(ROLES, meant) ? ROLES[meant] : undefined;
  if (role === undefined) throw fault(at, 'must be "human", "ai", "system", "developer" or "tool"');
  const more = fields['additional_kwargs'];
  const isDeveloper = isObject(more) && more['__openai_role__'] === DEVELOPER.__openai_role__;
  return role === 'system' && isDeveloper ? 'developer' : role;
}

interface Form {
  readonly role: Message['role'];
  /** of fields that stand elsewhere than in the message itself */
  readonly places: Readonly<Record<string, Path>>;
  /** where its fields stand */
  readonly at: Path;
}

/** @throws RequestFault */
function read(fields: Fields, { role, places, at }: Form): ReadMessage {
  const place = (field: string) => places[field] ?? [...at, field];
  const { blocks, content } = readContent(fields['content'], role, place('content'));
  const name = textOr(fields['name'], place('name'));
  const id = textOr(fields['id'], place('id'));
  const toolCallId = role === 'tool' ? textOr(fields['tool_call_id'], place('tool_call_id')) : undefined;
  const toolCalls = role === 'assistant' ? readToolCalls(fields, at) : [];
  return {
    message: {
      role,
      content,
      ...(name ? { name } : {}),
      ...(toolCallId ? { toolCallId } : {}),
      ...(toolCalls.length > 0 ? { toolCalls } : {}),
    },
    id: id ?? null,
    placeOf: (path) => {
      const [field, index] = path;
      if (field === undefined) return at;
      if (field === 'content' && typeof index === 'number') return [...place('content'), blocks[index] ?? index];
      if (field === 'content') return place('content');
      if (field === 'toolCallId') return place('tool_call_id');
      if (field === 'toolCalls') return [...place('tool_calls'), ...(index === undefined ? [] : [index])];
      return [...at, field];
    },
  };
}

interface ReadContent {
  readonly content: Message['content'];
  /** which of the client's blocks each part is */
  readonly blocks: readonly number[];
}

function readContent(given: unknown, role: Message['role'], at: Path): ReadContent {
  if (typeof given === 'string') return { content: given, blocks: [] };
  // a message that only calls tools
  if ((given === null || given === undefined) && role === 'assistant') return { content: '', blocks: [] };
  if (!Array.isArray(given)) throw fault(at, 'must be a string, or a list of blocks');
  if (given.length > MOST_PARTS) throw fault(at, `must have ${MOST_PARTS} entries at most`);
  const parts = given.flatMap((block: unknown, index) => {
    const part = readBlock(block, role, [...at, index]);
    return part === null ? [] : [{ part, index }];
  });
  const texts = parts.map(({ part }) => (part.type === 'text' ? part.text : null));
  const isText = parts.length <= 1 || role === 'assistant';
  if (isText && texts.every((text) => text !== null)) return { content: texts.join(''), blocks: [] };
  return { content: parts.map(({ part }) => part), blocks: parts.map(({ index }) => index) };
}

/** @returns null for what is no part of a conversation with the model, or stands elsewhere in its message, too */
function readBlock(block: unknown, role: Message['role'], at: Path): ContentPart | null {
  if (typeof block === 'string') return { type: 'text', text: block };
  if (!isObject(block)) throw fault(at, 'must be a block of content, or text');
  const text = (field: string) => ({ type: 'text', text: textIn(block[field], [...at, field]) }) as const;
  switch (block['type']) {
    case 'text':
      return text('text');
    case 'refusal':
      return text('refusal');
    case 'image_url':
      return readImage(block, at);
    case 'input_audio':
      return readInputAudio(block, at);
    case 'image':
    case 'audio':
    case 'file':
      return readMedia(block, block['type'], at);
    case 'reasoning':
    case 'thinking':
    case 'redacted_thinking':
    case 'tool_use':
    case 'tool_call':
    case 'function_call':
      if (role === 'assistant') return null;
  }
  throw fault([...at, 'type'], 'is no block that is supported: text, image_url, image, audio, input_audio or file');
}

function readImage({ image_url: image }: Fields, at: Path): ContentPart {
  const url = isObject(image) ? image['url'] : image;
  if (typeof url !== 'string') throw fault([...at, 'image_url'], 'must be a URL, or {"url"}');
  const detail = isObject(image) ? image['detail'] : undefined;
  if (detail !== undefined && detail !== null && detail !== 'auto') {
    throw fault([...at, 'image_url', 'detail'], 'cannot be passed on: leave it out');
  }
  return { type: 'image', ...mediaSource(url) };
}

function readInputAudio({ input_audio: audio }: Fields, at: Path): ContentPart {
  const { data, format } = isObject(audio) ? audio : {};
  if (typeof data !== 'string' || typeof format !== 'string') {
    throw fault([...at, 'input_audio'], 'must be {"data", "format"}');
  }
  return { type: 'audio', data, mediaType: `audio/${format === 'mp3' ? 'mpeg' : format}` };
}

/** A block of LangChain's own kinds, old and new, of OpenAI's or of Anthropic's. */
function readMedia(block: Fields, type: 'image' | 'audio' | 'file', at: Path): ContentPart {
  const inner = block['source'] ?? block['file'];
  const fields = isObject(inner) ? { ...block, ...inner } : block;
  for (const name of ['file_id', 'fileId']) if (fields[name] !== undefined) throw fault([...at, name], NO_FILES);
  if (fields['source_type'] === 'id') throw fault([...at, 'source_type'], NO_FILES);
  const more = isObject(block['metadata']) ? block['metadata'] : {};
  const name = fields['filename'] ?? more['filename'] ?? more['name'];
  const named = typeof name === 'string' && name !== '' ? { name } : {};
  const mime = fields['mime_type'] ?? fields['mimeType'] ?? fields['media_type'];
  const mediaType = typeof mime === 'string' && mime !== '' ? { mediaType: mime } : {};
  const bytes = fields['data'] ?? fields['base64'] ?? fields['file_data'];
  const source = typeof bytes === 'string' && !bytes.startsWith('data:') ? { data: bytes } : null;
  if (source !== null) return { type, ...source, ...mediaType, ...named };
  const url = bytes ?? fields['url'];
  if (typeof url !== 'string') throw fault(at, 'must have "data", "base64" or "url"');
  return { type, ...mediaType, ...mediaSource(url), ...named };
}

function readToolCalls(fields: Fields, at: Path): ToolCall[] {
  const { invalid_tool_calls: invalid, additional_kwargs: more } = fields;
  if (Array.isArray(invalid) && invalid.length > 0) {
    throw fault([...at, 'invalid_tool_calls'], 'is not supported: a model refuses calls that are no JSON');
  }
  const own = fields['tool_calls'];
  const isOwn = Array.isArray(own) && own.length > 0;
  const raw = isObject(more) ? more['tool_calls'] : undefined;
  const calls: unknown = isOwn ? own : (raw ?? own ?? []);
  const place = calls === own ? [...at, 'tool_calls'] : [...at, 'additional_kwargs', 'tool_calls'];
  if (!Array.isArray(calls)) throw fault(place, 'must be a list of calls');
  return calls.map((call: unknown, index) => readToolCall(call, [...place, index]));
}

/** A call in LangChain's form, or in OpenAI's. */
function readToolCall(call: unknown, at: Path): ToolCall {
  if (!isObject(call)) throw fault(at, 'must be {"id", "name", "args"}');
  const { id, function: inner } = call;
  const isOpenAi = isObject(inner);
  const name = isOpenAi ? inner['name'] : call['name'];
  const args = isOpenAi ? inner['arguments'] : (call['args'] ?? {});
  if (typeof id !== 'string') throw fault([...at, 'id'], 'must be a string');
  if (typeof name !== 'string') throw fault([...at, 'name'], 'must be a string');
  if (typeof args === 'string') return { callId: id, name, arguments: args === '' ? '{}' : args };
  if (!isObject(args)) throw fault([...at, 'args'], 'must be an object');
  return { callId: id, name, arguments: JSON.stringify(args) };
}

/** @throws RequestFault */
function textIn(value: unknown, at: Path): string {
  if (typeof value !== 'string') throw fault(at, 'must be a string');
  return value;
}

function textOr(value: unknown, at: Path): string | undefined {
  return value === undefined || value === null ? undefined : textIn(value, at);
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fault(at: Path, detail: string): RequestFault {
  return new RequestFault([{ pointer: pointerTo(at), detail }]);
}
