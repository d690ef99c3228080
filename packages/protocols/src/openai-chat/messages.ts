import type { ContentPart, Message } from '@millrace/contracts';
import { z } from 'zod';
import { boundedArray, onlyValues, refused } from '../foreign/bounded.ts';
import { mediaSource } from '../foreign/media.ts';
import type { Path } from '../foreign/request-fault.ts';

const NO_FILES = 'there are no stored files: give the content itself';
const LEGACY = 'is not supported: use tools';

const part = z.discriminatedUnion(
  'type',
  [
    z.object({ type: z.literal('text'), text: z.string() }),
    z.object({ type: z.literal('refusal'), refusal: z.string() }),
    z.object({
      type: z.literal('image_url'),
      image_url: z.object({ url: z.string(), detail: onlyValues(['auto'], 'cannot be passed on: leave it out') }),
    }),
    z.object({
      type: z.literal('input_audio'),
      input_audio: z.object({
        data: z.string(),
        format: z.string().regex(/^[a-z0-9]{1,16}$/, 'must be "wav" or "mp3"'),
      }),
    }),
    z.object({
      type: z.literal('file'),
      file: z.object({
        file_data: z.string(`must be a string: ${NO_FILES}`),
        filename: z.string().nullish(),
        file_id: refused(`is not supported: ${NO_FILES}`),
      }),
    }),
  ],
  { error: 'is no part that is supported: text, image_url, input_audio, file or refusal' },
);
type Part = z.infer<typeof part>;

const content = z.union([z.string(), boundedArray(part, { most: 100 })], {
  error: 'must be a string, or a list of parts',
});

const toolCall = z.object({
  id: z.string(),
  type: z.literal('function', 'must be "function"').default('function'),
  function: z.object({ name: z.string(), arguments: z.string() }),
});

const name = z.string().nullish();

const message = z.discriminatedUnion(
  'role',
  [
    z.object({ role: z.enum(['system', 'developer', 'user']), content, name }),
    z.object({
      role: z.literal('assistant'),
      content: content.nullish(),
      name,
      tool_calls: boundedArray(toolCall, { most: 128 }).nullish(),
      refusal: z.string().nullish(),
      audio: refused('is not supported: give the text of the answer'),
      function_call: refused(LEGACY),
    }),
    z.object({ role: z.literal('tool'), content, tool_call_id: z.string(), name }),
  ],
  { error: 'must be "system", "developer", "user", "assistant" or "tool"' },
);
type Given = z.infer<typeof message>;

/** The `messages` of a request. */
export const messagesSchema = boundedArray(message, { most: 1_000 });

export function messageOf(given: Given): Message {
  const { role, name: speaker } = given;
  const named = speaker ? { name: speaker } : {};
  switch (given.role) {
    case 'assistant': {
      const calls = given.tool_calls ?? [];
      // some models call a tool without arguments, as ''
      const toolCalls = calls.map(({ id, function: { name: tool, arguments: args } }) => ({
        ...{ callId: id, name: tool, arguments: args === '' ? '{}' : args },
      }));
      return {
        ...{ role: 'assistant', content: contentOf(given.content ?? given.refusal ?? ''), ...named },
        ...(toolCalls.length === 0 ? {} : { toolCalls }),
      };
    }
    case 'tool':
      return { role: 'tool', content: contentOf(given.content), toolCallId: given.tool_call_id, ...named };
    default:
      return { role, content: contentOf(given.content), ...named };
  }
}

/** A single text becomes a string, as most providers want it. */
function contentOf(given: z.infer<typeof content>): Message['content'] {
  if (typeof given === 'string') return given;
  const [only] = given;
  if (only === undefined) return '';
  const text = given.length === 1 ? textIn(only) : null;
  return text ?? given.map(partOf);
}

function textIn(given: Part): string | null {
  if (given.type === 'text') return given.text;
  return given.type === 'refusal' ? given.refusal : null;
}

function partOf(given: Part): ContentPart {
  switch (given.type) {
    case 'image_url':
      return { type: 'image', ...mediaSource(given.image_url.url) };
    case 'input_audio': {
      const { data, format } = given.input_audio;
      return { type: 'audio', data, mediaType: `audio/${format === 'mp3' ? 'mpeg' : format}` };
    }
    case 'file': {
      const { file_data: data, filename } = given.file;
      // some clients send base64 without the URL around it
      const source = data.startsWith('data:') ? mediaSource(data) : { data };
      return { type: 'file', ...source, ...(filename ? { name: filename } : {}) };
    }
    default:
      return { type: 'text', text: textIn(given) ?? '' };
  }
}

const IN_CALL: Readonly<Record<string, Path>> = {
  callId: ['id'],
  name: ['function', 'name'],
  arguments: ['function', 'arguments'],
};
/** Where the client's part has what ours has in another field, under `''` the object itself. */
const IN_PART: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  image: { '': 'image_url', url: 'url', data: 'url', mediaType: 'url' },
  audio: { '': 'input_audio', data: 'data', mediaType: 'format' },
  file: { '': 'file', url: 'file_data', data: 'file_data', mediaType: 'file_data', name: 'filename' },
};

/** The place in a client's message for a place in the message that was made of it. */
export function placeInMessage(made: Message | undefined, [field, index, ...rest]: Path): Path {
  if (field === 'toolCallId') return ['tool_call_id'];
  if (field === 'toolCalls') {
    const [inner] = rest;
    return ['tool_calls', ...(index === undefined ? [] : [index]), ...(IN_CALL[String(inner)] ?? [])];
  }
  if (field === undefined) return [];
  if (field !== 'content' || typeof index !== 'number') return [field];
  const content = made?.content;
  const type = typeof content === 'string' ? undefined : content?.[index]?.type;
  const names = type === undefined ? undefined : IN_PART[type];
  const named = ['', ...rest].flatMap((step) => names?.[String(step)] ?? []);
  return ['content', index, ...named];
}
