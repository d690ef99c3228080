import type { ContentPart, Message, ToolCall } from '@millrace/contracts';
import { z } from 'zod';
import { boundedArray } from '../foreign/bounded.ts';
import { mediaSource } from '../foreign/media.ts';
import type { Path } from '../foreign/request-fault.ts';

const NO_FILES = 'there are no stored files: give the content itself, or its URL';
const noFile = z.undefined(NO_FILES).or(z.null(NO_FILES)).optional();
const text = <T extends string>(type: T) => z.object({ type: z.literal(type), text: z.string() });

const part = z.discriminatedUnion(
  'type',
  [
    text('input_text'),
    text('output_text'),
    text('text'),
    z.object({ type: z.literal('refusal'), refusal: z.string() }),
    z.object({ type: z.literal('input_image'), image_url: z.string(`must be a string: ${NO_FILES}`), file_id: noFile }),
    z.object({
      type: z.literal('input_file'),
      file_data: z.string().nullish(),
      file_url: z.string().nullish(),
      filename: z.string().nullish(),
      file_id: noFile,
    }),
    z.object({ type: z.literal('input_audio'), input_audio: z.object({ data: z.string(), format: z.string() }) }),
  ],
  { error: 'is no part that is supported: input_text, input_image, input_file, input_audio, output_text or refusal' },
);
type Part = z.infer<typeof part>;

const content = z.union([z.string(), boundedArray(part, { most: 100 })], {
  error: 'must be a string, or a list of parts',
});

const item = z.preprocess(
  typed,
  z.discriminatedUnion(
    'type',
    [
      z.object({
        type: z.literal('message'),
        role: z.enum(['user', 'assistant', 'system', 'developer']),
        content,
      }),
      z.object({ type: z.literal('function_call'), call_id: z.string(), name: z.string(), arguments: z.string() }),
      z.object({ type: z.literal('function_call_output'), call_id: z.string(), output: content }),
      z.object({ type: z.literal('reasoning') }),
    ],
    { error: 'is no item that is supported: message, function_call, function_call_output or reasoning' },
  ),
);
type Item = z.infer<typeof item>;

/** The `input` of a request. */
export const inputSchema = z.union([z.string(), boundedArray(item, { most: 2_000 })], {
  error: 'must be a string, or a list of items',
});

/** What an input says, and where in it each message stands. */
export interface Conversation {
  readonly messages: Message[];
  /** @param path below `messages`
   *  @returns below `input` */
  placeOf(path: Path): Path;
}

/** A message in the making, and the indices of the items that it is made of. */
interface Made {
  message: Message;
  readonly at: number;
  readonly callsAt: number[];
}

/** Turns items into messages: an assistant's calls belong to its message, reasoning is left out. */
export function conversationIn(input: z.infer<typeof inputSchema>): Conversation {
  if (typeof input === 'string') return { messages: [{ role: 'user', content: input }], placeOf: () => [] };
  const made: Made[] = [];
  for (const [at, each] of input.entries()) add(made, each, at);
  return { messages: made.map(({ message }) => message), placeOf: (path) => placeIn(made, path) };
}

function add(made: Made[], each: Item, at: number): void {
  const last = made.at(-1);
  switch (each.type) {
    case 'reasoning':
      return;
    case 'message': {
      const { role } = each;
      // the text of a turn may stand after its calls, whose results must follow the whole turn
      if (role === 'assistant' && last?.message.role === 'assistant' && last.message.content === '') {
        last.message = { ...last.message, content: contentOf(each.content) };
        return;
      }
      made.push({ message: { role, content: contentOf(each.content) }, at, callsAt: [] });
      return;
    }
    case 'function_call': {
      const call: ToolCall = { callId: each.call_id, name: each.name, arguments: each.arguments };
      const turn = last?.message.role === 'assistant' ? last : { message: TURN, at, callsAt: [] };
      if (turn !== last) made.push(turn);
      turn.message = { ...turn.message, toolCalls: [...(turn.message.toolCalls ?? []), call] };
      turn.callsAt.push(at);
      return;
    }
    case 'function_call_output':
      made.push({
        message: { role: 'tool', toolCallId: each.call_id, content: contentOf(each.output) },
        at,
        callsAt: [],
      });
  }
}

const TURN: Message = { role: 'assistant', content: '' };

/** Parts of text alone become one string, as most providers want it. */
function contentOf(given: z.infer<typeof content>): Message['content'] {
  if (typeof given === 'string') return given;
  if (given.length === 0) return '';
  const [only] = given;
  if (given.length === 1 && only !== undefined && textIn(only) !== null) return textIn(only) as string;
  return given.map(partOf);
}

function textIn(each: Part): string | null {
  if (each.type === 'refusal') return each.refusal;
  return 'text' in each ? each.text : null;
}

function partOf(each: Part): ContentPart {
  switch (each.type) {
    case 'input_image':
      return { type: 'image', ...mediaSource(each.image_url) };
    case 'input_audio': {
      const { data, format } = each.input_audio;
      return { type: 'audio', data, mediaType: `audio/${format === 'mp3' ? 'mpeg' : format}` };
    }
    case 'input_file': {
      const source = each.file_url ? { url: each.file_url } : mediaOrBase64(each.file_data ?? '');
      return { type: 'file', ...source, ...(each.filename ? { name: each.filename } : {}) };
    }
    default:
      return { type: 'text', text: textIn(each) ?? '' };
  }
}

/** Some clients send base64 without the URL around it. */
function mediaOrBase64(given: string): ReturnType<typeof mediaSource> {
  return given.startsWith('data:') ? mediaSource(given) : { data: given };
}

function placeIn(made: readonly Made[], [index, field, inner]: Path): Path {
  const message = made[Number(index)];
  if (message === undefined) return [];
  if (field === 'toolCalls') return [message.callsAt[Number(inner)] ?? message.at];
  if (field === 'toolCallId') return [message.at, 'call_id'];
  const isOutput = message.message.role === 'tool';
  if (field !== 'content') return [message.at];
  return [message.at, isOutput ? 'output' : 'content', ...(typeof inner === 'number' ? [inner] : [])];
}

/** A message may come without its type. */
function typed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || 'type' in value || !('role' in value)) return value;
  return { ...value, type: 'message' };
}
