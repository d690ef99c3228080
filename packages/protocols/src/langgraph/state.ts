import type { Interrupt } from '@millrace/contracts';
import { type KeptMessage, wireMessage } from './messages.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Where a thread stands, or stood: a checkpoint of an agent, or the conversation of a thread that has none. */
export interface KeptState {
  readonly values: Fields;
  /** absent: the thread keeps messages alone */
  readonly checkpointId?: string;
  readonly parentId?: string | null;
  /** ISO 8601 */
  readonly createdAt?: string;
  readonly next?: readonly string[];
  readonly interrupts?: readonly Interrupt[];
  readonly metadata?: Fields;
  /** the job that wrote it; null: not known */
  readonly origin?: { readonly job: string; readonly pipeline?: string } | null;
}

export interface WireInterrupt {
  readonly id: string;
  readonly value: unknown;
}

interface WireCheckpoint {
  readonly thread_id: string;
  readonly checkpoint_ns: '';
  readonly checkpoint_id: string;
  readonly checkpoint_map: null;
}

interface WireTask {
  readonly id: string;
  readonly name: string;
  readonly path: readonly string[];
  readonly error: null;
  readonly interrupts: readonly WireInterrupt[];
  readonly checkpoint: null;
  readonly state: null;
  readonly result: null;
}

/** The state of a thread as LangGraph's server writes it. */
export interface WireState {
  readonly values: Fields;
  readonly next: readonly string[];
  readonly tasks: readonly WireTask[];
  readonly metadata: Fields;
  readonly created_at: string | null;
  /** null: nothing has been said */
  readonly checkpoint: WireCheckpoint | null;
  readonly parent_checkpoint: WireCheckpoint | null;
  readonly interrupts: readonly WireInterrupt[];
}

/** A state for clients of LangGraph. A thread without checkpoints has one that its last message names. */
export function wireState(threadId: string, state: KeptState): WireState {
  const { checkpointId, parentId = null, createdAt = null, next = [], interrupts = [], metadata = {}, origin } = state;
  const id = checkpointId ?? checkpointOfMessages(state.values['messages']);
  const checkpoint = (each: string): WireCheckpoint => ({
    ...{ thread_id: threadId, checkpoint_ns: '', checkpoint_id: each, checkpoint_map: null },
  });
  return {
    values: wireValues(state.values),
    next,
    tasks: tasksOf(next, interrupts, id ?? threadId),
    metadata: {
      ...metadata,
      thread_id: threadId,
      ...(origin ? { run_id: origin.job, ...(origin.pipeline ? { graph_id: origin.pipeline } : {}) } : {}),
    },
    created_at: createdAt,
    checkpoint: id === null ? null : checkpoint(id),
    parent_checkpoint: parentId === null ? null : checkpoint(parentId),
    interrupts: interrupts.map(wireInterrupt),
  };
}

/** The checkpoint of a conversation, as {@link wireState} names it; null: it has no messages. */
export function checkpointOfMessages(messages: unknown): string | null {
  const last: unknown = Array.isArray(messages) ? messages.at(-1) : undefined;
  const id = isObject(last) ? (last['messageId'] ?? last['id']) : undefined;
  return typeof id === 'string' ? id : null;
}

export function wireInterrupt({ interruptId, value }: Interrupt): WireInterrupt {
  return { id: interruptId, value };
}

/** A state, or a part of one, whose messages have the form that LangGraph's clients read. Those that have it already, as in
 *  the events of an agent, stay as they are, but that the text of a model is a string, as in the pieces of it. */
export function wireValues(values: Fields): Fields {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, wireValue(value, name)]));
}

function wireValue(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return value.map((item) => wireValue(item, name));
  if (!isObject(value)) return value;
  if (isKeptMessage(value, name)) return wireMessage(value);
  const text = value['type'] === 'ai' ? textIn(value['content']) : null;
  return text === null ? wireValues(value) : { ...value, content: text };
}

/** The text of blocks; null: there are none, or others. */
function textIn(content: unknown): string | null {
  if (!Array.isArray(content) || content.length === 0) return null;
  const texts = content.map((block: unknown) => (isObject(block) && block['type'] === 'text' ? block['text'] : null));
  return texts.every((text) => typeof text === 'string') ? texts.join('') : null;
}

const ROLES = new Set(['system', 'developer', 'user', 'assistant', 'tool']);
const KEYS = new Set(['role', 'content', 'messageId', 'jobId', 'name', 'toolCalls', 'toolCallId']);

/** Whether a part of a state is a message. Other channels may hold objects of their own that only look like one. */
function isKeptMessage(value: Fields, name: string): value is Fields & KeptMessage {
  const { role, content, messageId } = value;
  return (
    ROLES.has(role as string) &&
    (typeof content === 'string' || Array.isArray(content)) &&
    (typeof messageId === 'string' || name === 'messages') &&
    Object.keys(value).every((key) => KEYS.has(key))
  );
}

/** A task for each node that runs next, the ones that ask something last: clients read the last one's questions. */
function tasksOf(next: readonly string[], interrupts: readonly Interrupt[], state: string): WireTask[] {
  const asking = new Map<string, WireInterrupt[]>();
  for (const interrupt of interrupts) {
    const node = interrupt.node ?? next.at(-1) ?? '';
    asking.set(node, [...(asking.get(node) ?? []), wireInterrupt(interrupt)]);
  }
  const waiting = next.filter((node) => !asking.has(node)).map((node): [string, WireInterrupt[]] => [node, []]);
  return [...waiting, ...asking].map(([name, questions]) => ({
    ...{ id: `${state}:${name}`, name, path: ['__pregel_pull', name], error: null, interrupts: questions },
    ...{ checkpoint: null, state: null, result: null },
  }));
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
