import type { ContentPart, Message, MessageContent, ToolCall } from '@millrace/contracts';
import { mediaSource } from '../foreign/media.ts';
import { RequestFault } from '../foreign/request-fault.ts';
import {
  type FilePart,
  isFilePart,
  isTextPart,
  isToolPart,
  type ToolPart,
  toolNameOf,
  type UiMessage,
  type UiPart,
} from './ui-message.ts';

export interface Conversation {
  readonly said: readonly Message[];
  /** for each of `said`, the index of the client's message; null: the `system` text */
  readonly origins: readonly (number | null)[];
  /** how many of `said` come before what is new since the last answer */
  readonly known: number;
}

/** The client's messages as those of a model. Reasoning, sources and data are left out, and so are calls of tools that have no
 *  result: no provider takes them.
 *  @param system stands before them all
 *  @throws RequestFault */
export function conversationOf(messages: readonly UiMessage[], system: string | null): Conversation {
  const said: Message[] = [];
  const origins: (number | null)[] = [];
  const add = (message: Message, origin: number | null) => {
    said.push(message);
    origins.push(origin);
  };
  if (system) add({ role: 'system', content: system }, null);
  let known = 0;
  messages.forEach((message, index) => {
    for (const each of saidIn(message, index)) add(each, index);
    if (message.role === 'assistant') known = said.length;
  });
  return { said, origins, known };
}

function saidIn(message: UiMessage, index: number): Message[] {
  const { role, parts } = message;
  if (role === 'assistant') return stepsOf(parts).flatMap((step) => stepMessages(step));
  if (role === 'system') return [{ role, content: textOf(parts) }];
  const content = parts.flatMap((part, place): ContentPart[] => {
    if (isTextPart(part)) return [{ type: 'text', text: part.text }];
    return isFilePart(part) ? [mediaOf(part, `/messages/${index}/parts/${place}`)] : [];
  });
  return content.length === 0 ? [] : [{ role, content: plain(content) }];
}

function stepsOf(parts: readonly UiPart[]): UiPart[][] {
  const steps: UiPart[][] = [[]];
  for (const part of parts) {
    if (part.type === 'step-start') steps.push([]);
    else steps.at(-1)?.push(part);
  }
  return steps;
}

/** What the model said in a step, then what its tools answered. */
function stepMessages(parts: readonly UiPart[]): Message[] {
  const answered = parts.filter(isToolPart).filter(hasResult);
  const content = textOf(parts);
  if (content === '' && answered.length === 0) return [];
  const toolCalls = answered.map(callOf);
  return [{ role: 'assistant', content, ...(toolCalls.length === 0 ? {} : { toolCalls }) }, ...answered.map(resultOf)];
}

function hasResult({ state }: ToolPart): boolean {
  return state === 'output-available' || state === 'output-error' || state === 'output-denied';
}

function callOf(part: ToolPart): ToolCall {
  const input = part.input ?? part.rawInput ?? {};
  return { callId: part.toolCallId, name: toolNameOf(part), arguments: JSON.stringify(input) };
}

function resultOf(part: ToolPart): Message {
  return { role: 'tool', toolCallId: part.toolCallId, name: toolNameOf(part), content: outputOf(part) };
}

function outputOf({ state, output, errorText, approval }: ToolPart): string {
  if (state === 'output-error') return errorText ?? 'The tool failed.';
  if (state === 'output-denied') return approval?.reason ?? 'The tool call was denied.';
  return typeof output === 'string' ? output : JSON.stringify(output ?? null);
}

function textOf(parts: readonly UiPart[]): string {
  return parts
    .filter(isTextPart)
    .map(({ text }) => text)
    .join('');
}

/** A message of text alone has a string for its content. */
function plain(content: readonly ContentPart[]): MessageContent {
  const texts = content.flatMap((part) => (part.type === 'text' ? [part.text] : []));
  return texts.length === content.length ? texts.join('') : [...content];
}

/** @throws RequestFault the service cannot read the file */
function mediaOf({ url, mediaType, filename }: FilePart, pointer: string): ContentPart {
  if (!/^(https?|data):/i.test(url)) {
    throw new RequestFault([{ pointer: `${pointer}/url`, detail: 'must be a data URL, or one of http or https' }]);
  }
  const source = mediaSource(isPlainData(url) ? base64Of(url, pointer) : url);
  const given = mediaType ?? source.mediaType;
  const type = typeOf(given ?? '');
  const name = filename === undefined || filename === null || filename === '' ? {} : { name: filename };
  // "image" and "image/*" leave the kind open
  const exact = given !== undefined && /^[^/*]+\/[^/*]+$/.test(given) ? { mediaType: given } : {};
  return source.data === undefined ? { type, url, ...exact, ...name } : { type, data: source.data, ...exact, ...name };
}

function typeOf(mediaType: string): 'image' | 'audio' | 'file' {
  const [kind = ''] = mediaType.toLowerCase().split('/');
  return kind === 'image' || kind === 'audio' ? kind : 'file';
}

function isPlainData(url: string): boolean {
  return /^data:/i.test(url) && !/^data:[^,]*;base64,/i.test(url.slice(0, 512));
}

/** A data URL whose bytes are written in percent-encoding.
 *  @throws RequestFault it is malformed */
function base64Of(url: string, pointer: string): string {
  const comma = url.indexOf(',');
  const mediaType = url.slice('data:'.length, Math.max(0, comma)).split(';')[0] ?? '';
  try {
    if (comma < 0) throw new URIError('no data');
    return `data:${mediaType};base64,${Buffer.from(decodeURIComponent(url.slice(comma + 1))).toString('base64')}`;
  } catch {
    throw new RequestFault([{ pointer: `${pointer}/url`, detail: 'is no valid data URL' }]);
  }
}
