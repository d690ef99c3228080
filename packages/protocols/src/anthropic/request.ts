import type { ContentPart, CreateJobBody, MediaPart, Message, ToolCall } from '@millrace/contracts';
import { z } from 'zod';
import { boundedArray, refused } from '../foreign/bounded.ts';
import { checkedJob, faultsOf } from '../foreign/check-job.ts';
import { type Path, RequestFault } from '../foreign/request-fault.ts';
import { answererOf } from '../openai/model.ts';

/** A request of `POST /v1/messages`. */
export interface MessagesRequest {
  readonly job: CreateJobBody;
  readonly streams: boolean;
}

const jsonObject = z.record(z.string(), z.unknown());
const text = z.object({ type: z.literal('text'), text: z.string() });

const source = z.discriminatedUnion(
  'type',
  [
    z.object({ type: z.literal('base64'), media_type: z.string(), data: z.string() }),
    z.object({ type: z.literal('url'), url: z.string() }),
    z.object({ type: z.literal('text'), data: z.string() }),
  ],
  { error: 'must be "base64", "url" or "text": there are no stored files' },
);
const image = z.object({ type: z.literal('image'), source });
const document = z.object({ type: z.literal('document'), source, title: z.string().nullish() });

const inner = z.discriminatedUnion('type', [text, image, document], {
  error: 'is no block that is supported here: text, image or document',
});

const block = z.discriminatedUnion(
  'type',
  [
    text,
    image,
    document,
    z.object({ type: z.literal('tool_use'), id: z.string(), name: z.string(), input: jsonObject }),
    z.object({
      type: z.literal('tool_result'),
      tool_use_id: z.string(),
      content: z.union([z.string(), boundedArray(inner, { most: 100 })]).nullish(),
    }),
    z.object({ type: z.literal('thinking') }),
    z.object({ type: z.literal('redacted_thinking') }),
  ],
  { error: 'is no block that is supported: text, image, document, tool_use, tool_result or thinking' },
);
type Block = z.infer<typeof block>;

const message = z.object({
  role: z.enum(['user', 'assistant', 'system']),
  content: z.union([z.string(), boundedArray(block, { most: 500 })], {
    error: 'must be a string, or a list of blocks',
  }),
});

const tool = z.object({
  type: z.literal('custom', 'is a built-in tool, which is not supported: give tools of your own').nullish(),
  name: z.string(),
  description: z.string().nullish(),
  input_schema: jsonObject,
});

const toolChoice = z.discriminatedUnion(
  'type',
  [
    z.object({ type: z.literal('auto'), disable_parallel_tool_use: z.boolean().nullish() }),
    z.object({ type: z.literal('any'), disable_parallel_tool_use: z.boolean().nullish() }),
    z.object({ type: z.literal('tool'), name: z.string(), disable_parallel_tool_use: z.boolean().nullish() }),
    z.object({ type: z.literal('none') }),
  ],
  { error: 'must be "auto", "any", "tool" or "none"' },
);

const format = z.object({ type: z.literal('json_schema'), schema: jsonObject }).nullish();

/** Unknown fields are accepted: clients send many that change nothing. */
const bodySchema = z.object({
  model: z.string(),
  max_tokens: z.number(),
  messages: boundedArray(message, { most: 1_000 }),
  system: z
    .union([z.string(), boundedArray(text, { most: 100 })], { error: 'must be text, or blocks of text' })
    .nullish(),
  stream: z.boolean().nullish(),
  temperature: z.number().nullish(),
  top_p: z.number().nullish(),
  top_k: refused('cannot be passed on: leave it out'),
  stop_sequences: boundedArray(z.string(), { most: 16 }).nullish(),
  tools: boundedArray(tool, { most: 128 }).nullish(),
  tool_choice: toolChoice.nullish(),
  thinking: z
    .union([
      z.object({ type: z.literal('enabled'), budget_tokens: z.number() }),
      z.object({ type: z.enum(['disabled', 'adaptive']) }),
    ])
    .nullish(),
  output_config: z.object({ effort: z.string().nullish(), format }).nullish(),
  output_format: format,
  mcp_servers: z.array(z.unknown()).max(0, 'are not supported: leave them out').nullish(),
  container: refused('is not supported: leave it out'),
});
type Body = z.infer<typeof bodySchema>;

/** @param body as parsed from JSON
 *  @throws RequestFault */
export function messagesRequest(body: unknown): MessagesRequest {
  const parsed = bodySchema.safeParse(body);
  if (!parsed.success) throw new RequestFault(faultsOf(parsed.error.issues));
  const given = parsed.data;
  const { messages, places } = conversationIn(given);
  const responseFormat = given.output_config?.format ?? given.output_format;
  const effort = effortOf(given);
  const answerer = answererOf(given.model);
  const job = checkedJob(
    {
      messages,
      ...answerer,
      // the protocol demands it of every request, and an agent refuses it
      ...(answerer.pipeline === undefined ? { maxTokens: given.max_tokens } : {}),
      ...(typeof given.temperature === 'number' ? { temperature: given.temperature } : {}),
      ...(typeof given.top_p === 'number' ? { topP: given.top_p } : {}),
      ...(given.stop_sequences?.length ? { stop: given.stop_sequences } : {}),
      ...(effort === undefined ? {} : { reasoningEffort: effort }),
      ...(responseFormat ? { responseFormat: { ...responseFormat, name: 'answer' } } : {}),
      ...toolsOf(given),
      onDisconnect: 'cancel',
    },
    (path) => theirPlace(path, places, given),
  );
  return { job, streams: given.stream === true };
}

/** The nearest thing to a budget of tokens that other models have. */
function effortOf({ thinking, output_config: config }: Body): CreateJobBody['reasoningEffort'] {
  if (config?.effort) return config.effort as NonNullable<CreateJobBody['reasoningEffort']>;
  if (thinking?.type !== 'enabled') return undefined;
  if (thinking.budget_tokens <= 4_096) return 'low';
  return thinking.budget_tokens <= 16_384 ? 'medium' : 'high';
}

function toolsOf({ tools, tool_choice: choice }: Body) {
  const toolChoice = choice ? choiceOf(choice) : undefined;
  // without tools, only a choice that asks for one means anything
  if (!tools || tools.length === 0) {
    return toolChoice === undefined || toolChoice === 'auto' || toolChoice === 'none' ? {} : { toolChoice };
  }
  const isSerial = choice && choice.type !== 'none' && choice.disable_parallel_tool_use === true;
  return {
    tools: tools.map(({ name, description, input_schema: parameters }) => ({
      name,
      ...(typeof description === 'string' ? { description } : {}),
      parameters,
    })),
    ...(toolChoice === undefined ? {} : { toolChoice }),
    ...(isSerial ? { parallelToolCalls: false } : {}),
  };
}

function choiceOf(choice: z.infer<typeof toolChoice>): NonNullable<CreateJobBody['toolChoice']> {
  if (choice.type === 'tool') return { name: choice.name };
  return choice.type === 'any' ? 'required' : choice.type;
}

/** Results of tools are messages of their own here, and stand before what else their turn says.
 *  @returns with the place of each message in the request */
function conversationIn({ system, messages }: Body): { messages: Message[]; places: Path[] } {
  const said: Message[] = [];
  const places: Path[] = [];
  const add = (each: Message, place: Path) => {
    said.push(each);
    places.push(place);
  };
  const prompt = typeof system === 'string' ? system : (system ?? []).map((each) => each.text).join('\n\n');
  if (prompt !== '') add({ role: 'system', content: prompt }, ['system']);
  for (const [index, { role, content }] of messages.entries()) {
    const place = ['messages', index];
    if (typeof content === 'string') {
      add({ role, content }, place);
      continue;
    }
    for (const [at, each] of content.entries()) {
      if (each.type !== 'tool_result') continue;
      const answer: Message = { role: 'tool', toolCallId: each.tool_use_id, content: contentOf(each.content ?? '') };
      add(answer, [...place, 'content', at]);
    }
    const calls = content.flatMap((each): ToolCall[] =>
      each.type === 'tool_use' ? [{ callId: each.id, name: each.name, arguments: JSON.stringify(each.input) }] : [],
    );
    const rest = content.filter(isContent);
    if (rest.length === 0 && calls.length === 0) continue;
    add({ role, content: contentOf(rest), ...(calls.length > 0 ? { toolCalls: calls } : {}) }, place);
  }
  return { messages: said, places };
}

type Content = Extract<Block, { type: 'text' | 'image' | 'document' }>;

function isContent(each: Block): each is Content {
  return each.type === 'text' || each.type === 'image' || each.type === 'document';
}

/** Text alone becomes one string, as most providers want it. */
function contentOf(given: string | readonly Content[]): Message['content'] {
  if (typeof given === 'string') return given;
  if (given.length === 0) return '';
  const [only] = given;
  return given.length === 1 && only?.type === 'text' ? only.text : given.map(partOf);
}

function partOf(each: Content): ContentPart {
  if (each.type === 'text') return each;
  const { source: from } = each;
  if (from.type === 'text') return { type: 'text', text: from.data };
  const media: Pick<MediaPart, 'url' | 'data' | 'mediaType'> =
    from.type === 'url' ? { url: from.url } : { data: from.data, mediaType: from.media_type };
  if (each.type === 'image') return { type: 'image', ...media };
  return { type: 'file', ...media, ...(each.title ? { name: each.title } : {}) };
}

const THEIRS: Readonly<Record<string, Path>> = {
  pipeline: ['model'],
  topP: ['top_p'],
  maxTokens: ['max_tokens'],
  stop: ['stop_sequences'],
  reasoningEffort: ['output_config', 'effort'],
  responseFormat: ['output_config', 'format'],
  toolChoice: ['tool_choice'],
  parallelToolCalls: ['tool_choice', 'disable_parallel_tool_use'],
};

function theirPlace([first, ...rest]: Path, places: readonly Path[], { thinking, output_config: config }: Body): Path {
  if (first === 'messages') return rest.length === 0 ? ['messages'] : (places[Number(rest[0])] ?? ['messages']);
  if (first === 'reasoningEffort' && !config?.effort && thinking) return ['thinking'];
  return [
    ...(THEIRS[String(first)] ?? [String(first)]),
    ...rest.map((step) => (step === 'parameters' ? 'input_schema' : step)),
  ];
}

/** The place in a request for a place in the job that was made of it, both as JSON pointers. */
export function messagesField(pointer: string): string {
  const [, first = '', ...rest] = pointer.split('/');
  if (pointer === '') return '';
  if (first === 'messages') return '/messages';
  return `/${[...(THEIRS[first] ?? [first]), ...rest].map(String).join('/')}`;
}
