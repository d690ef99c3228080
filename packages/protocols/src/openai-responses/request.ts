import type { CreateJobBody, Message } from '@millrace/contracts';
import { z } from 'zod';
import { boundedArray, onlyValues, refused } from '../foreign/bounded.ts';
import { checkedJob, faultsOf } from '../foreign/check-job.ts';
import { type Path, RequestFault } from '../foreign/request-fault.ts';
import { answererOf } from '../openai/model.ts';
import { conversationIn, inputSchema } from './input.ts';

/** A request of `POST /v1/responses`. */
export interface ResponsesRequest {
  readonly job: CreateJobBody;
  /** a system prompt for this response alone */
  readonly instructions: string | null;
  /** as it was sent */
  readonly previousResponseId: string | null;
  /** whether later responses may continue this one */
  /** by `call_id`, of an input that consists of function outputs alone; they may answer an agent's questions */
  readonly outputs: Readonly<Record<string, unknown>> | null;
  readonly isStored: boolean;
  readonly isBackground: boolean;
  readonly streams: boolean;
}

const jsonObject = z.record(z.string(), z.unknown());

const tool = z.discriminatedUnion(
  'type',
  [
    z.object({
      type: z.literal('function'),
      name: z.string(),
      description: z.string().nullish(),
      parameters: jsonObject.nullish(),
    }),
  ],
  { error: 'is a built-in tool, which is not supported: give functions' },
);

const toolChoice = z.union(
  [
    z.enum(['auto', 'none', 'required']),
    z.object({ type: z.literal('function', 'only functions can be chosen'), name: z.string() }),
  ],
  { error: 'must be "auto", "none", "required", or {"type":"function","name":…}' },
);

const format = z.discriminatedUnion(
  'type',
  [
    z.object({ type: z.literal('text') }),
    z.object({ type: z.literal('json_object') }),
    z.object({
      type: z.literal('json_schema'),
      name: z.string(),
      schema: jsonObject,
      strict: z.boolean().nullish(),
      description: z.string().nullish(),
    }),
  ],
  { error: 'must be "text", "json_object" or "json_schema"' },
);

/** Unknown fields are accepted: clients send many that change nothing. */
const bodySchema = z.object({
  model: z.string().nullish(),
  input: inputSchema,
  instructions: z.string().nullish(),
  previous_response_id: z.string().max(256).nullish(),
  store: z.boolean().nullish(),
  background: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  temperature: z.number().nullish(),
  top_p: z.number().nullish(),
  max_output_tokens: z.number().nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
  reasoning: z.object({ effort: z.string().nullish() }).nullish(),
  text: z
    .object({ format: format.nullish(), verbosity: onlyValues(['medium'], 'cannot be passed on: leave it out') })
    .nullish(),
  tools: boundedArray(tool, { most: 128 }).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  // of other OpenAI protocols; some clients send them here, too
  stop: z.union([z.string(), z.array(z.string())]).nullish(),
  seed: z.number().nullish(),
  presence_penalty: z.number().nullish(),
  frequency_penalty: z.number().nullish(),
  conversation: refused('is not supported: use previous_response_id'),
  prompt: refused('is not supported: give instructions and input'),
  top_logprobs: onlyValues([0], 'is not supported: log probabilities are not kept'),
  include: z
    .array(z.string().refine((what) => !what.includes('logprobs'), 'is not supported: log probabilities are not kept'))
    .nullish(),
  modalities: z.array(z.literal('text', 'only text can be answered')).nullish(),
  audio: refused('is not supported: only text can be answered'),
});
type Body = z.infer<typeof bodySchema>;

/** @param body as parsed from JSON
 *  @throws RequestFault */
export function responsesRequest(body: unknown): ResponsesRequest {
  const parsed = bodySchema.safeParse(body);
  if (!parsed.success) throw new RequestFault(faultsOf(parsed.error.issues));
  const given = parsed.data;
  const { messages, placeOf } = conversationIn(given.input);
  const isBackground = given.background === true;
  const job = checkedJob(
    {
      messages,
      ...answererOf(given.model),
      ...defined({
        temperature: given.temperature,
        topP: given.top_p,
        maxTokens: given.max_output_tokens,
        stop: given.stop,
        seed: given.seed,
        presencePenalty: given.presence_penalty,
        frequencyPenalty: given.frequency_penalty,
        reasoningEffort: given.reasoning?.effort as CreateJobBody['reasoningEffort'] | null,
        responseFormat: responseFormatOf(given.text?.format),
        metadata: given.metadata,
      }),
      ...toolsOf(given),
      onDisconnect: isBackground ? 'continue' : 'cancel',
    },
    (path) => theirPlace(path, placeOf),
  );
  return {
    job,
    instructions: given.instructions || null,
    previousResponseId: given.previous_response_id || null,
    outputs: outputsIn(messages),
    isStored: given.store !== false,
    isBackground,
    streams: given.stream === true,
  };
}

function outputsIn(messages: readonly Message[]): Readonly<Record<string, unknown>> | null {
  const outputs = messages.map(({ toolCallId, content }) => [toolCallId, typeof content === 'string' ? content : null]);
  if (outputs.some(([callId, content]) => typeof callId !== 'string' || content === null)) return null;
  return Object.fromEntries(outputs.map(([callId, content]) => [callId, jsonOrText(content as string)]));
}

/** An output is text; where that is JSON, it is meant as such. */
function jsonOrText(output: string): unknown {
  try {
    return JSON.parse(output);
  } catch {
    return output;
  }
}

function responseFormatOf(given: z.infer<typeof format> | null | undefined): CreateJobBody['responseFormat'] {
  if (given === null || given === undefined) return undefined;
  if (given.type !== 'json_schema') return given;
  const { type, name, schema, strict, description } = given;
  // a schema may describe itself, which is where the model reads it
  const described = description && schema['description'] === undefined ? { ...schema, description } : schema;
  return { type, name, schema: described, ...(typeof strict === 'boolean' ? { strict } : {}) };
}

/** Without tools, what is said of their use means nothing, unless one must be called. */
function toolsOf({ tools, tool_choice: choice, parallel_tool_calls: parallel }: Body) {
  const toolChoice = typeof choice === 'object' && choice !== null ? { name: choice.name } : (choice ?? undefined);
  if (!tools || tools.length === 0) {
    return toolChoice === undefined || toolChoice === 'auto' || toolChoice === 'none' ? {} : { toolChoice };
  }
  return {
    tools: tools.map(({ name, description, parameters }) => ({
      name,
      ...(typeof description === 'string' ? { description } : {}),
      parameters: parameters ?? { type: 'object', properties: {} },
    })),
    ...defined({ toolChoice, parallelToolCalls: parallel }),
  };
}

const THEIRS: Readonly<Record<string, Path>> = {
  pipeline: ['model'],
  topP: ['top_p'],
  maxTokens: ['max_output_tokens'],
  presencePenalty: ['presence_penalty'],
  frequencyPenalty: ['frequency_penalty'],
  reasoningEffort: ['reasoning', 'effort'],
  responseFormat: ['text', 'format'],
  toolChoice: ['tool_choice'],
  parallelToolCalls: ['parallel_tool_calls'],
  resume: ['input'],
  threadId: ['previous_response_id'],
};

function theirPlace([first, ...rest]: Path, placeOf: (path: Path) => Path): Path {
  if (first === 'messages') return ['input', ...placeOf(rest)];
  return [...(THEIRS[String(first)] ?? [String(first)]), ...rest];
}

/** The place in a request for a place in the job that was made of it, both as JSON pointers. */
export function responsesField(pointer: string): string {
  const [first = '', ...rest] = pointer.split('/').slice(1);
  if (pointer === '') return '';
  return [...(THEIRS[first] ?? [first === 'messages' ? 'input' : first]).map(String), ...rest]
    .map((step) => `/${step}`)
    .join('');
}

/** The fields that have a value. */
function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], null | undefined> } {
  const given = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(given) as { [K in keyof T]?: Exclude<T[K], null | undefined> };
}
