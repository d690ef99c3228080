import type { CreateJobBody } from '@millrace/contracts';
import { z } from 'zod';
import { boundedArray, onlyValues, refused } from '../foreign/bounded.ts';
import { checkedJob, faultsOf } from '../foreign/check-job.ts';
import { type Path, pointerTo, RequestFault } from '../foreign/request-fault.ts';
import { answererOf } from '../openai/model.ts';
import { messageOf, messagesSchema, placeInMessage } from './messages.ts';

/** A request of `POST /v1/chat/completions`. */
export interface ChatRequest {
  readonly job: CreateJobBody;
  readonly streams: boolean;
  /** whether the stream ends with a chunk that has the usage */
  readonly includesUsage: boolean;
}

const jsonObject = z.record(z.string(), z.unknown());
const NO_LOGPROBS = 'is not supported: log probabilities are not kept';
const LEGACY = 'is not supported: use tools and tool_choice';
const ONLY_TEXT = 'is not supported: only text can be answered';

const tool = z.object({
  type: z.literal('function', 'must be "function": other tools are not supported').default('function'),
  function: z.object({
    name: z.string(),
    description: z.string().nullish(),
    parameters: jsonObject.nullish(),
    strict: z.boolean().nullish(),
  }),
});

const toolChoice = z.union(
  [
    z.enum(['auto', 'none', 'required']),
    z.object({ type: z.literal('function', 'only functions can be chosen'), function: z.object({ name: z.string() }) }),
  ],
  { error: 'must be "auto", "none", "required", or {"type":"function","function":{"name":…}}' },
);

const responseFormat = z.discriminatedUnion(
  'type',
  [
    z.object({ type: z.literal('text') }),
    z.object({ type: z.literal('json_object') }),
    z.object({
      type: z.literal('json_schema'),
      json_schema: z.object({
        name: z.string(),
        schema: jsonObject.nullish(),
        strict: z.boolean().nullish(),
        description: z.string().nullish(),
      }),
    }),
  ],
  { error: 'must be "text", "json_object" or "json_schema"' },
);

/** Unknown fields are accepted: clients send many that change nothing. */
const bodySchema = z.object(
  {
    model: z.string().nullish(),
    messages: messagesSchema,
    stream: z.boolean().nullish(),
    stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
    temperature: z.number().nullish(),
    top_p: z.number().nullish(),
    max_tokens: z.number().nullish(),
    max_completion_tokens: z.number().nullish(),
    stop: z.union([z.string(), z.array(z.string())], { error: 'must be a string, or a list of strings' }).nullish(),
    seed: z.number().nullish(),
    presence_penalty: z.number().nullish(),
    frequency_penalty: z.number().nullish(),
    reasoning_effort: z.string().nullish(),
    tools: boundedArray(tool, { most: 128 }).nullish(),
    tool_choice: toolChoice.nullish(),
    parallel_tool_calls: z.boolean().nullish(),
    response_format: responseFormat.nullish(),
    metadata: z.record(z.string(), z.string()).nullish(),
    n: onlyValues([1], 'is not supported: only one choice can be answered'),
    logprobs: onlyValues([false], NO_LOGPROBS),
    top_logprobs: onlyValues([0], NO_LOGPROBS),
    logit_bias: z.strictObject({}, 'is not supported: leave it out').nullish(),
    modalities: z.array(z.literal('text', ONLY_TEXT)).nullish(),
    audio: refused(ONLY_TEXT),
    verbosity: onlyValues(['medium'], 'cannot be passed on: leave it out'),
    web_search_options: refused('is not supported: leave it out'),
    functions: refused(LEGACY),
    function_call: refused(LEGACY),
  },
  'must be a JSON object',
);
type Body = z.infer<typeof bodySchema>;

/** @param body as parsed from JSON
 *  @throws RequestFault */
export function chatRequest(body: unknown): ChatRequest {
  const parsed = bodySchema.safeParse(body);
  if (!parsed.success) throw new RequestFault(faultsOf(parsed.error.issues));
  const given = parsed.data;
  const messages = given.messages.map(messageOf);
  const job = checkedJob(
    {
      messages,
      ...answererOf(given.model),
      ...defined({
        temperature: given.temperature,
        topP: given.top_p,
        maxTokens: maxTokensOf(given),
        stop: given.stop,
        seed: given.seed,
        presencePenalty: given.presence_penalty,
        frequencyPenalty: given.frequency_penalty,
        reasoningEffort: given.reasoning_effort as CreateJobBody['reasoningEffort'] | null,
        responseFormat: responseFormatOf(given.response_format),
        metadata: given.metadata,
      }),
      ...toolsOf(given),
      onDisconnect: 'cancel',
    },
    ([first, index, ...rest]) => {
      if (first === 'maxTokens' && typeof given.max_completion_tokens === 'number') return ['max_completion_tokens'];
      if (first !== 'messages' || typeof index !== 'number') return theirPlace([first ?? '', index ?? '', ...rest]);
      return ['messages', index, ...placeInMessage(messages[index], rest)];
    },
  );
  const { stream, stream_options: options } = given;
  return { job, streams: stream === true, includesUsage: options?.include_usage === true };
}

/** The newer name of one limit wins where both say the same. */
function maxTokensOf({ max_tokens: older, max_completion_tokens: newer }: Body): number | null | undefined {
  if (typeof older === 'number' && typeof newer === 'number' && older !== newer) {
    const detail = 'differs from max_completion_tokens: give one of them';
    throw new RequestFault([{ pointer: pointerTo(['max_tokens']), detail }]);
  }
  return newer ?? older;
}

function responseFormatOf(given: Body['response_format']): CreateJobBody['responseFormat'] {
  if (given === null || given === undefined) return undefined;
  if (given.type !== 'json_schema') return given;
  const { name, schema, strict, description } = given.json_schema;
  const made = schema ?? {};
  // a schema may describe itself, which is where the model reads it
  const described = description && made['description'] === undefined ? { ...made, description } : made;
  return { type: 'json_schema', name, schema: described, ...defined({ strict }) };
}

/** Without tools, what is said of their use means nothing, unless one must be called. */
function toolsOf({ tools, tool_choice: choice, parallel_tool_calls: parallel }: Body) {
  const chosen = typeof choice === 'object' && choice !== null ? { name: choice.function.name } : (choice ?? undefined);
  if (!tools || tools.length === 0) {
    return chosen === undefined || chosen === 'auto' || chosen === 'none' ? {} : { toolChoice: chosen };
  }
  return {
    tools: tools.map(({ function: { name, description, parameters, strict } }) => ({
      name,
      parameters: parameters ?? { type: 'object', properties: {} },
      ...defined({ description, strict }),
    })),
    ...defined({ toolChoice: chosen, parallelToolCalls: parallel }),
  };
}

const THEIRS: Readonly<Record<string, Path>> = {
  pipeline: ['model'],
  topP: ['top_p'],
  maxTokens: ['max_tokens'],
  presencePenalty: ['presence_penalty'],
  frequencyPenalty: ['frequency_penalty'],
  reasoningEffort: ['reasoning_effort'],
  responseFormat: ['response_format'],
  toolChoice: ['tool_choice'],
  parallelToolCalls: ['parallel_tool_calls'],
};

function theirPlace([first, ...rest]: Path): Path {
  const place = rest.filter((step) => step !== '');
  const [index, inner] = place;
  if (first === 'tools' && inner !== undefined) return ['tools', index as PropertyKey, 'function', ...place.slice(1)];
  if (first === 'toolChoice') return ['tool_choice', ...(index === 'name' ? ['function', 'name'] : [])];
  if (first === 'responseFormat' && index !== undefined) return ['response_format', 'json_schema', ...place];
  return [...(THEIRS[String(first)] ?? [first ?? '']), ...place];
}

/** The place in a request for a place in the job that was made of it, both as JSON pointers. */
export function chatField(pointer: string): string {
  if (pointer === '') return '';
  const [first = '', ...rest] = pointer.split('/').slice(1);
  return [...(THEIRS[first] ?? [first]).map(String), ...rest].map((step) => `/${step}`).join('');
}

/** The fields that have a value. */
function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], null | undefined> } {
  const given = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(given) as { [K in keyof T]?: Exclude<T[K], null | undefined> };
}
