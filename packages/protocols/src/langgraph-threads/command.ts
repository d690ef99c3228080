import { type CreateJobBody, threadIdSchema } from '@millrace/contracts';
import { z } from 'zod';
import { boundedArray } from '../foreign/bounded.ts';
import { checkedJob, faultsOf } from '../foreign/check-job.ts';
import { type Path, pathOf, pointerTo, RequestFault } from '../foreign/request-fault.ts';
import type { EventSelection } from './event-filter.ts';

/** Errors by the names that the protocol has for them. */
export type CommandErrorCode =
  | 'invalid_argument'
  | 'unknown_command'
  | 'unknown_error'
  | 'no_such_interrupt'
  | 'no_such_checkpoint'
  | 'not_supported';

/** A command cannot be done. */
export class CommandRefused extends Error {
  override readonly name = 'CommandRefused';

  constructor(
    readonly code: CommandErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** A command as a client sends it. */
export interface Command {
  readonly id: number;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** A command that answers questions. */
export interface AnswerCommand {
  readonly job: CreateJobBody;
  /** ids of the questions that it answers */
  readonly answers: readonly string[];
  /** The place in the parameters for a place in `job`, both as JSON pointers. */
  readonly fieldOf: (pointer: string) => string;
}

const anyObject = z.record(z.string(), z.unknown());

const commandSchema = z.object({
  id: z.number().int().nonnegative(),
  method: z.string().max(64),
  params: anyObject.nullish(),
});

/** @returns null: it is no command, and has no id to answer to */
export function readCommand(body: unknown): Command | null {
  const { success, data } = commandSchema.safeParse(body);
  return success ? { ...data, params: data.params ?? {} } : null;
}

const config = z.object({ configurable: anyObject.nullish() }).catchall(z.unknown());
const metadata = anyObject.nullish();

const answer = z.object({ interrupt_id: z.string().min(1), response: z.unknown().optional() });
const respondSchema = z.union([
  answer.extend({ config: config.nullish(), metadata }),
  z.object({ responses: boundedArray(answer, { most: 100 }), config: config.nullish(), metadata }),
]);

/** Values of `configurable` that name the thread and the place in it, which the service knows from the path. */
const OF_THE_PATH = new Set(['thread_id', 'checkpoint_ns']);
/** What `config` may say besides `configurable` without a change of the answer. */
const HARMLESS = new Set(['configurable', 'tags', 'metadata', 'callbacks', 'run_name', 'runName']);
/** States of an agent that its events show; those with every checkpoint or task would grow with the square of its steps. */
const AGENT_MODES = ['values', 'updates'] as const;

/** `run.start` as the body of a run, in a thread that is made if it is new. */
export function bodyOfRun({ params }: Command): object {
  // `multitaskStrategy` is its name in older clients
  const { multitaskStrategy, multitask_strategy: strategy = multitaskStrategy, ...given } = params;
  const known = ['assistant_id', 'input', 'config', 'metadata'].filter((name) => name in given);
  return {
    ...Object.fromEntries(known.map((name) => [name, given[name]])),
    ...(strategy === undefined ? {} : { multitask_strategy: strategy }),
    ...{ if_not_exists: 'create', stream_mode: [...AGENT_MODES] },
  };
}

/** `input.respond`: answers the questions of an agent.
 *  @throws RequestFault
 *  @throws CommandRefused it asks for what the service cannot do */
export function respond({ params }: Command, threadId: string): AnswerCommand {
  for (const name of ['update', 'goto'] as const) {
    const given = params[name];
    if (given !== undefined && given !== null) throw unsupported(name, 'an answer cannot change the state or the way');
  }
  const asked = parsed(respondSchema, params);
  const answers = 'responses' in asked ? asked.responses : [asked];
  if (answers.length === 0) throw new RequestFault([{ pointer: '/responses', detail: 'must not be empty' }]);
  const job = {
    threadId: checkedThread(threadId),
    resume: Object.fromEntries(answers.map(({ interrupt_id: id, response }) => [id, response ?? null])),
    streamModes: [...AGENT_MODES],
    ...configOf(asked.config),
    ...metadataOf(asked.metadata),
  };
  return {
    job: checkedJob(job, theirs),
    answers: answers.map(({ interrupt_id: id }) => id),
    fieldOf: (pointer) => pointerTo(theirs(pathOf(pointer))),
  };
}

const selectionSchema = z.object({
  channels: boundedArray(z.string().min(1).max(128), { most: 64 }),
  namespaces: boundedArray(boundedArray(z.string().max(256), { most: 32 }), { most: 256 }).nullish(),
  depth: z.number().int().nonnegative().nullish(),
  since: z.number().int().nonnegative().nullish(),
});

/** What `POST /threads/:id/stream/events` asks for. */
interface EventsRequest {
  readonly selection: EventSelection;
  /** `seq` of the last event that the client has; null: it says nothing */
  readonly since: number | null;
}

/** @throws RequestFault */
export function eventsRequest(body: unknown): EventsRequest {
  const checked = selectionSchema.safeParse(body);
  if (!checked.success) throw new RequestFault(faultsOf(checked.error.issues));
  const { channels, namespaces, depth, since } = checked.data;
  return {
    selection: { channels, namespaces: namespaces ?? undefined, depth: depth ?? undefined },
    since: since ?? null,
  };
}

/** @throws CommandRefused */
function configOf(given: z.infer<typeof config> | null | undefined): { readonly config?: object } {
  if (!given) return {};
  const other = Object.keys(given).find((name) => !HARMLESS.has(name) && isGiven(given[name]));
  if (other !== undefined) throw unsupported(`config.${other}`, 'the service decides it');
  const values = Object.entries(given.configurable ?? {}).filter(
    ([name, value]) => !OF_THE_PATH.has(name) && isGiven(value),
  );
  if (values.some(([name]) => name === 'checkpoint_id'))
    throw unsupported('config.configurable.checkpoint_id', 'an answer goes to where the thread stands');
  if (values.length === 0) return {};
  return { config: Object.fromEntries(values) };
}

function metadataOf(given: Readonly<Record<string, unknown>> | null | undefined): { readonly metadata?: object } {
  const entries = Object.entries(given ?? {}).filter(([, value]) => isGiven(value));
  if (entries.length === 0) return {};
  const texts = entries.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]);
  return { metadata: Object.fromEntries(texts) };
}

/** Where the fields of a job stand in the parameters. */
const FIELDS: Readonly<Record<string, Path>> = { config: ['config', 'configurable'], resume: ['responses'] };

function theirs([field, ...rest]: Path): Path {
  return [...(FIELDS[String(field)] ?? [field as string]), ...rest];
}

function checkedThread(threadId: string): string {
  if (threadIdSchema.safeParse(threadId).success) return threadId;
  throw new CommandRefused(
    'invalid_argument',
    'The id of a thread has 1 to 64 characters of A-Z, a-z, 0-9, "_" and "-".',
  );
}

/** @throws RequestFault */
function parsed<T extends z.ZodType>(schema: T, params: unknown): z.output<T> {
  const checked = schema.safeParse(params);
  if (checked.success) return checked.data;
  throw new RequestFault(faultsOf(checked.error.issues));
}

function unsupported(name: string, why: string): CommandRefused {
  return new CommandRefused('not_supported', `params.${name} is not supported: ${why}.`);
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
