import { z } from 'zod';
import type { EventId } from './event-id.ts';
import { jobErrorSchema, usageSchema } from './job.ts';

/** Why a model stopped. `stop` is the normal end; `length` its token limit. */
export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter' | (string & {});

const finishReason = z
  .string()
  .describe(
    '`stop`, `length`, `tool_calls`, `content_filter`, or another word of the provider’s.',
  ) as z.ZodType<FinishReason>;
const milliseconds = z.number().nonnegative();
const attempt = z.number().int().nonnegative();
const callId = z.string();
const messageId = z.string();
const anyJson = z.unknown().refine(isJsonValue, 'must be JSON');

/** The message to which an event belongs; if absent, the one that began last, or the only one. */
const ofMessage = { messageId: messageId.optional() };
/** Where in an agent an event came from. */
const place = { node: z.string().optional(), namespace: z.array(z.string()).optional() };

/** How to join the deltas of one thing. */
export interface DeltaKind {
  /** the string field to join */
  readonly field: string;
  /** deltas belong to one thing only if they agree in all of these fields */
  readonly same: readonly string[];
}

interface EventKind {
  readonly data: z.ZodType;
  readonly meaning: string;
  /** who emits it: the service itself, or a pipeline */
  readonly by: 'service' | 'pipeline';
  readonly terminal?: true;
  readonly delta?: DeltaKind;
}

/** Every event of a job: its data in the log and on the wire, and its meaning. Types, validation, merging and the
 *  documents all derive from this table.
 *  @see PROTOCOL.md §3 */
export const STREAM_EVENTS = {
  accepted: {
    by: 'service',
    meaning: 'The job is stored.',
    data: z.object({ id: z.string(), status: z.literal('queued'), threadId: z.string().optional() }),
  },
  started: { by: 'service', meaning: 'A worker took it.', data: z.object({ attempt, model: z.string() }) },
  message_start: {
    by: 'pipeline',
    meaning: 'A message begins, in jobs that say more than one. What follows belongs to it until the next one begins.',
    data: z.object({ messageId, ...place }),
  },
  text: {
    by: 'pipeline',
    meaning: 'Text of the answer.',
    data: z.object({ ...ofMessage, text: z.string() }),
    delta: { field: 'text', same: ['messageId'] },
  },
  reasoning: {
    by: 'pipeline',
    meaning: 'Reasoning, where the model gives it.',
    data: z.object({ ...ofMessage, text: z.string() }),
    delta: { field: 'text', same: ['messageId'] },
  },
  tool_call_start: {
    by: 'pipeline',
    meaning: 'The model begins to write a call of a tool.',
    data: z.object({ ...ofMessage, callId, name: z.string() }),
  },
  tool_call_delta: {
    by: 'pipeline',
    meaning: 'The next piece of the arguments of a call.',
    data: z.object({ ...ofMessage, callId, arguments: z.string() }),
    delta: { field: 'arguments', same: ['messageId', 'callId'] },
  },
  tool_call: {
    by: 'pipeline',
    meaning: 'The model calls a tool: the whole call. `arguments` is complete JSON.',
    data: z.object({ ...ofMessage, callId, name: z.string(), arguments: z.string() }),
  },
  tool_result: {
    by: 'pipeline',
    meaning: 'What the tool answered.',
    data: z.object({ callId, name: z.string(), content: z.string(), isError: z.boolean() }),
  },
  message_end: {
    by: 'pipeline',
    meaning: 'That message is whole.',
    data: z.object({ messageId, finishReason, usage: usageSchema.optional() }),
  },
  custom: {
    by: 'pipeline',
    meaning: 'Whatever a pipeline or a tool of it writes.',
    data: z.object({ name: z.string().optional(), data: anyJson }),
  },
  state: {
    by: 'pipeline',
    meaning: 'The state of an agent, in one of the modes that were asked for.',
    data: z.object({ mode: z.string(), data: anyJson, ...place }),
  },
  interrupt: {
    by: 'pipeline',
    meaning: 'The agent asks a person. The job then ends with `done` and `finishReason` `interrupt`.',
    data: z.object({ interruptId: z.string(), value: anyJson, node: z.string().optional() }),
  },
  reset: {
    by: 'service',
    meaning: 'Discard all that was said so far: a new attempt starts the answer afresh.',
    data: z.object({ attempt, reason: z.enum(['worker-lost', 'handover', 'log-lost']) }),
  },
  done: {
    by: 'service',
    meaning: 'The answer is whole.',
    terminal: true,
    data: z.object({
      finishReason,
      usage: usageSchema,
      timings: z
        .object({ queueMs: milliseconds, firstTokenMs: milliseconds.nullable(), totalMs: milliseconds })
        .describe('Milliseconds from the moment of acceptance; `firstTokenMs` is null where nothing was said.'),
    }),
  },
  error: { by: 'service', meaning: 'The job failed.', terminal: true, data: jobErrorSchema },
  cancelled: {
    by: 'service',
    meaning: 'Somebody ended it.',
    terminal: true,
    data: z.object({ by: z.enum(['owner', 'admin', 'disconnect', 'shutdown', 'thread']) }),
  },
} as const satisfies Record<string, EventKind>;

type Table = typeof STREAM_EVENTS;
type Named<Kind> = { [T in keyof Table]: Table[T] extends Kind ? T : never }[keyof Table];

export type StreamEventType = keyof Table;
/** The data of each event type, in the log and on the wire. */
export type StreamEventData = { [T in StreamEventType]: z.infer<Table[T]['data']> };
export type DeltaType = Named<{ delta: DeltaKind }>;
export type TerminalType = Named<{ terminal: true }>;
export type PipelineEventType = Named<{ by: 'pipeline' }>;

/** One event of a job: `{type: 'text', data: {text: ' tok'}}`. */
export type StreamEvent<T extends StreamEventType = StreamEventType> = {
  [Type in T]: { readonly type: Type; readonly data: StreamEventData[Type] };
}[T];

/** Who cancelled a job. */
export type CancelledBy = StreamEventData['cancelled']['by'];
/** Why the text so far is void: its worker died or handed it over, or Redis lost a part of the log. */
export type ResetReason = StreamEventData['reset']['reason'];

/** An event as the log holds it. `data` stays JSON until someone needs to read it: a relay never does. */
export interface StoredEvent {
  readonly id: EventId;
  readonly type: StreamEventType;
  /** one line of compact JSON */
  readonly data: string;
}

const KINDS = new Map<string, EventKind>(Object.entries(STREAM_EVENTS));
const TERMINAL: ReadonlySet<string> = new Set([...KINDS].flatMap(([name, { terminal }]) => (terminal ? name : [])));

/** Exactly one event of a job is terminal, and it is always the last.
 *  @param type possibly of a newer service */
export function isTerminal(type: string): type is TerminalType {
  return TERMINAL.has(type);
}

/** @returns whether a pipeline may emit it: only the service emits the others */
export function isPipelineEventType(type: unknown): type is PipelineEventType {
  return typeof type === 'string' && KINDS.get(type)?.by === 'pipeline';
}

/** A field that is missing is none; neither is what runs in a circle. */
function isJsonValue(value: unknown): boolean {
  try {
    return JSON.stringify(value) !== undefined;
  } catch {
    return false;
  }
}
