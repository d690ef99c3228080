import type { CreateJobBody, GraphOptions } from '@millrace/contracts';
import { z } from 'zod';
import { onlyValues, refused } from '../foreign/bounded.ts';
import { checkedJob, faultsOf } from '../foreign/check-job.ts';
import { type Path, pathOf, pointerTo, RequestFault } from '../foreign/request-fault.ts';
import { type RunStream, readModes, stateModesOf } from './modes.ts';
import { type ReadMessage, readMessages } from './read-messages.ts';

/** What a client of LangGraph asks for. */
export interface RunRequest {
  readonly job: CreateJobBody;
  /** the ids that the client gave to `job.messages`; empty, where an agent has its own */
  readonly messageIds: readonly (string | null)[];
  readonly stream: RunStream;
  /** null: the graph runs as it was compiled */
  readonly graphOptions: GraphOptions | null;
  /** whether a thread that is not there is made */
  readonly makesThread: boolean;
  /** the checkpoint from which the run is to go on; null: from where the thread stands */
  readonly checkpointId: string | null;
  /** The place in the client's body for a place in `job`, both as JSON pointers. */
  readonly fieldOf: (pointer: string) => string;
}

export interface RunTarget {
  /** of the URL; null: the run has no thread */
  readonly threadId: string | null;
  readonly isAgent: boolean;
  /** whether the thread waits at a breakpoint, from where a run without input goes on */
  readonly isAtBreakpoint: boolean;
  /** whether the answer is the state alone */
  readonly needsValues: boolean;
}

const anyObject = z.record(z.string(), z.unknown());
/** Names of nodes that a run stops at. */
const MOST_BREAKPOINTS = 100;
const breakpoints = z
  .union([z.literal('*'), z.array(z.string().max(256)).max(MOST_BREAKPOINTS)], 'must be "*" or names of nodes')
  .nullish();
const MOST_STEPS = 10_000;

const checkpoint = z.object({
  checkpoint_id: z.string().nullish(),
  checkpoint_ns: onlyValues([''], 'is not supported: a run goes on from a state of the whole graph'),
});

/** Unknown fields are accepted: what they are for (tracing, durability) changes no answer. */
const bodySchema = z.object(
  {
    assistant_id: z.string(),
    input: anyObject.nullish(),
    command: z
      .object({
        resume: z.unknown().optional(),
        update: refused('is not supported: a run cannot change the state'),
        goto: refused('is not supported: a run cannot choose the node'),
      })
      .nullish(),
    stream_mode: z.unknown().optional(),
    stream_subgraphs: z.boolean().nullish(),
    config: z
      .object({
        configurable: anyObject.nullish(),
        recursion_limit: z.number().int().min(1).max(MOST_STEPS).nullish(),
      })
      .nullish(),
    context: anyObject.nullish(),
    metadata: z.record(z.string(), z.string('must be a string')).nullish(),
    checkpoint: checkpoint.nullish(),
    checkpoint_id: z.string().nullish(),
    multitask_strategy: z.enum(['reject', 'interrupt', 'rollback', 'enqueue']).nullish(),
    on_disconnect: z.enum(['continue', 'cancel']).nullish(),
    if_not_exists: z.enum(['create', 'reject']).nullish(),
    after_seconds: z.number().nonnegative().nullish(),
    interrupt_before: breakpoints,
    interrupt_after: breakpoints,
    webhook: z.string().nullish(),
    on_completion: onlyValues(['complete', 'delete'], 'is not supported: a run without a thread leaves nothing'),
    feedback_keys: z.unknown().optional(),
  },
  'must be a JSON object',
);
type Body = z.infer<typeof bodySchema>;

/** @param body of a request for a run
 *  @returns the pipeline or agent that is to run
 *  @throws RequestFault */
export function assistantOf(body: unknown): string {
  const parsed = z.object({ assistant_id: z.string().min(1).max(64) }, 'must be a JSON object').safeParse(body);
  if (!parsed.success) throw new RequestFault(faultsOf(parsed.error.issues));
  return parsed.data.assistant_id;
}

/** @param body as parsed from JSON
 *  @throws RequestFault in the names of the body */
export function runRequest(body: unknown, target: RunTarget): RunRequest {
  const parsed = bodySchema.safeParse(body);
  if (!parsed.success) throw new RequestFault(faultsOf(parsed.error.issues));
  const given = parsed.data;
  const { threadId, isAgent } = target;
  const modes = readModes(given.stream_mode, ['stream_mode']);
  const asked = askedOf(given, target);
  const configured = configuredOf(given, target);
  const theirs = (path: Path) => theirPlace(path, asked, isAgent);
  const states = stateModesOf(target.needsValues ? new Set([...modes, 'values']) : modes);
  const job = checkedJob(
    {
      ...asked.fields,
      pipeline: given.assistant_id,
      ...configured.fields,
      ...(threadId === null ? {} : { threadId, ...defined({ onBusy: given.multitask_strategy }) }),
      ...(isAgent && states.length > 0 ? { streamModes: states } : {}),
      ...defined({
        delayMs: typeof given.after_seconds === 'number' ? Math.round(given.after_seconds * 1_000) : null,
        metadata: given.metadata,
        webhook: given.webhook,
      }),
      onDisconnect: given.on_disconnect ?? 'continue',
    },
    theirs,
  );
  return {
    job,
    messageIds: asked.messages.map(({ id }) => id),
    stream: { modes, subgraphs: given.stream_subgraphs === true },
    graphOptions: graphOptionsOf(given, isAgent),
    makesThread: given.if_not_exists === 'create',
    checkpointId: checkpointOf(given, configured.checkpointId),
    fieldOf: (pointer) => pointerTo(theirs(pathOf(pointer))),
  };
}

interface Asked {
  readonly fields: Pick<CreateJobBody, 'messages' | 'input' | 'resume'>;
  /** of a pipeline that takes messages */
  readonly messages: readonly ReadMessage[];
}

function askedOf({ input, command }: Body, { threadId, isAgent, isAtBreakpoint }: RunTarget): Asked {
  const answers = command !== null && command !== undefined && command.resume !== undefined;
  if (answers) {
    if (!isNothing(input)) throw fault(['input'], 'does not go with "command.resume": leave it out');
    if (threadId === null) throw fault(['command', 'resume'], 'needs a thread that has asked something');
    return { fields: { resume: command.resume }, messages: [] };
  }
  if (isNothing(input) && isAtBreakpoint) return { fields: { resume: null }, messages: [] };
  if (input === null || input === undefined) {
    throw fault(['input'], 'is required: a run cannot go on by itself, answer a question with "command.resume"');
  }
  const { messages: given, ...others } = input;
  if (isAgent) {
    // it gets them as they are, with their ids: what cannot be a message is refused before it runs
    if (given !== undefined) readMessages(given, ['input', 'messages']);
    return { fields: { input }, messages: [] };
  }
  const [other] = Object.keys(others).filter((name) => !isNothing(others[name]));
  if (other !== undefined) throw fault(['input', other], 'is not what this assistant takes: give "messages" alone');
  if (given === undefined) throw fault(['input', 'messages'], 'is required');
  const messages = readMessages(given, ['input', 'messages']);
  if (messages.length === 0) throw fault(['input', 'messages'], 'must have an entry');
  return { fields: { messages: messages.map(({ message }) => message) }, messages };
}

/** Names that the parameters of a model have in `configurable`: ours, and those of LangChain. */
const PARAMETERS: Readonly<Record<string, keyof CreateJobBody>> = {
  ...{ model: 'model', temperature: 'temperature', maxTokens: 'maxTokens', max_tokens: 'maxTokens' },
  ...{ topP: 'topP', top_p: 'topP', stop: 'stop', seed: 'seed', reasoningEffort: 'reasoningEffort' },
  ...{ reasoning_effort: 'reasoningEffort', presencePenalty: 'presencePenalty', presence_penalty: 'presencePenalty' },
  ...{ frequencyPenalty: 'frequencyPenalty', frequency_penalty: 'frequencyPenalty' },
};

/** What LangGraph's clients name a place of the thread with. */
const PLACES = new Set(['thread_id', 'checkpoint_id', 'checkpoint_ns', 'checkpoint_map']);

interface Configured {
  readonly fields: Partial<CreateJobBody>;
  readonly checkpointId: string | null;
}

/** @throws RequestFault a pipeline that is no graph has no nodes to stop at */
function graphOptionsOf({ config, interrupt_before: before, interrupt_after: after }: Body, isAgent: boolean) {
  for (const [name, nodes] of Object.entries({ interrupt_before: before, interrupt_after: after })) {
    if (!isAgent && !isNothing(nodes)) throw fault([name], 'is for agents: this assistant has no nodes');
  }
  const options: GraphOptions = defined({
    recursionLimit: config?.recursion_limit,
    interruptBefore: isNothing(before) ? null : before,
    interruptAfter: isNothing(after) ? null : after,
  });
  return isAgent && Object.keys(options).length > 0 ? options : null;
}

/** The values of both places: LangGraph calls them `configurable`, and `context` since its version 1.
 *  @throws RequestFault they differ in one */
function valuesOf({ config, context }: Body): Record<string, unknown> {
  const configurable = config?.configurable ?? {};
  const differing = Object.entries(context ?? {}).find(
    ([name, value]) =>
      Object.hasOwn(configurable, name) && JSON.stringify(configurable[name]) !== JSON.stringify(value),
  );
  if (differing !== undefined) throw fault(['context', differing[0]], 'is another value than in "config.configurable"');
  return { ...configurable, ...context };
}

function configuredOf(body: Body, { threadId, isAgent }: RunTarget): Configured {
  const given = valuesOf(body);
  const at = ['config', 'configurable'];
  const { thread_id: thread, checkpoint_id: id, checkpoint_ns: namespace, checkpoint_map: map } = given;
  if (!isNothing(thread) && thread !== threadId) throw fault([...at, 'thread_id'], 'is another thread than the URL’s');
  if (!isNothing(namespace)) throw fault([...at, 'checkpoint_ns'], 'is not supported: leave it out');
  if (!isNothing(map)) throw fault([...at, 'checkpoint_map'], 'is not supported: leave it out');
  if (!isNothing(id) && typeof id !== 'string') throw fault([...at, 'checkpoint_id'], 'must be a string');
  const checkpointId = typeof id === 'string' && id !== '' ? id : null;
  const values = Object.entries(given).filter(([name, value]) => !PLACES.has(name) && value !== undefined);
  if (isAgent) return { fields: values.length === 0 ? {} : { config: Object.fromEntries(values) }, checkpointId };
  const parameters = values.flatMap(([name, value]) => {
    const ours = Object.hasOwn(PARAMETERS, name) ? PARAMETERS[name] : undefined;
    return ours === undefined || value === null ? [] : [[ours, value] as const];
  });
  return { fields: Object.fromEntries(parameters) as Partial<CreateJobBody>, checkpointId };
}

/** @throws RequestFault it is named twice, in different ways */
function checkpointOf({ checkpoint: place, checkpoint_id: id }: Body, configured: string | null): string | null {
  const named = [
    [['checkpoint', 'checkpoint_id'], place?.checkpoint_id],
    [['checkpoint_id'], id],
    [['config', 'configurable', 'checkpoint_id'], configured],
  ] as const;
  const [first, ...others] = named.filter(([, value]) => typeof value === 'string' && value !== '');
  const other = others.find(([, value]) => value !== first?.[1]);
  if (other !== undefined) throw fault(other[0], 'is another checkpoint than the one that is named elsewhere');
  return first?.[1] ?? null;
}

const THEIRS: Readonly<Record<string, Path>> = {
  pipeline: ['assistant_id'],
  resume: ['command', 'resume'],
  config: ['config', 'configurable'],
  streamModes: ['stream_mode'],
  onBusy: ['multitask_strategy'],
  onDisconnect: ['on_disconnect'],
  delayMs: ['after_seconds'],
  query: ['input'],
};

function theirPlace([first, ...rest]: Path, { messages }: Asked, isAgent: boolean): Path {
  if (first === undefined) return [];
  const [index, ...inner] = rest;
  if (first === 'messages') {
    const message = typeof index === 'number' ? messages[index] : undefined;
    return message?.placeOf(inner) ?? ['input', 'messages', ...rest];
  }
  const place = THEIRS[String(first)];
  if (place !== undefined) return [...place, ...rest];
  const isParameter = !isAgent && Object.values(PARAMETERS).includes(first as keyof CreateJobBody);
  return isParameter ? ['config', 'configurable', first, ...rest] : [first, ...rest];
}

function isNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

function fault(at: Path, detail: string): RequestFault {
  return new RequestFault([{ pointer: pointerTo(at), detail }]);
}

/** The fields that have a value. */
function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], null | undefined> } {
  const given = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(given) as { [K in keyof T]?: Exclude<T[K], null | undefined> };
}
