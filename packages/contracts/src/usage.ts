import type { Usage } from './job.ts';
import type { JobRequest } from './job-request.ts';
import type { Message } from './message.ts';

/** What calls of one model have used, tokens. */
export interface ModelUsage extends Usage {
  /** `provider:name` */
  readonly model: string;
  /** how many of them are estimates: no provider has counted them */
  readonly estimatedTokens: number;
}

/** What an attempt has used, as its worker reported it. */
export interface AttemptUsage extends Usage {
  /** how many of these tokens are estimates; absent for none */
  readonly estimatedTokens?: number;
  /** the same by model; absent if only the job's own model was called */
  readonly models?: readonly ModelUsage[];
}

/** A day of UTC, as the ledger counts them. */
export const DAY_SECONDS = 86_400;
export const DAY_MS = DAY_SECONDS * 1_000;

/** Bytes of UTF-8 per token, about: of English text it is 4, and Chinese has 3 bytes and about a token per character. */
export const BYTES_PER_TOKEN = 4;

/** What an image, a recording or a file counts as, tokens: its size says little. */
const MEDIA_TOKENS = 1_000;

/** About how many tokens a text is.
 *  @param bytes as UTF-8 */
export function estimatedTokens(bytes: number): number {
  return Math.ceil(bytes / BYTES_PER_TOKEN);
}

/** How much of an event a model has said, bytes. A whole call of a tool does not count: its pieces do.
 *  @param data of the event */
export function saidBytes(type: string, data: object): number {
  const field = SAID_FIELDS.get(type);
  const said = field === undefined ? undefined : (data as Readonly<Record<string, unknown>>)[field];
  return typeof said === 'string' ? sizeOf(said) : 0;
}

const SAID_FIELDS = new Map([
  ['text', 'text'],
  ['reasoning', 'text'],
  ['tool_call_delta', 'arguments'],
]);

/** About how many tokens a request sends to its model; not what its thread remembers. */
export function promptTokensOf(request: JobRequest): number {
  const { messages, instructions = '', tools, input, resume, responseFormat } = request;
  const others = [tools, input, resume, responseFormat].filter((value) => value !== undefined);
  const bytes = sizeOf(instructions) + sum(others.map((value) => sizeOf(JSON.stringify(value))));
  return estimatedTokens(bytes + sum(messages.map(textBytes))) + MEDIA_TOKENS * sum(messages.map(mediaCount));
}

/** What an answer is expected to have at most where the request sets no `maxTokens`. */
const EXPECTED_OUTPUT_TOKENS = 1_024;

/** What a job reserves of its tenant's tokens of the day.
 *  @param promptTokens the estimate of its prompt */
export function reservedTokensOf({ maxTokens = EXPECTED_OUTPUT_TOKENS }: JobRequest, promptTokens: number): number {
  return promptTokens + maxTokens;
}

function textBytes({ content, toolCalls = [] }: Message): number {
  const texts =
    typeof content === 'string' ? [content] : content.map((part) => (part.type === 'text' ? part.text : ''));
  return sum([...texts, ...toolCalls.flatMap(({ name, arguments: given }) => [name, given])].map(sizeOf));
}

function mediaCount({ content }: Message): number {
  return typeof content === 'string' ? 0 : content.filter(({ type }) => type !== 'text').length;
}

function sizeOf(text: string): number {
  return Buffer.byteLength(text);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
