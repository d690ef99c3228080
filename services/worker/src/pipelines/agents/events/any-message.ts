import type { MessageDelta } from '../../models/openai/delta-stream.ts';

/** A message of LangChain, of any copy and version of the package. */
export interface AnyMessage extends Omit<MessageDelta, 'content'> {
  readonly content: MessageDelta['content'] | null | undefined;
  readonly id?: string;
  readonly name?: string;
  readonly tool_calls?: readonly { readonly id?: string; readonly name: string; readonly args: unknown }[];
  readonly tool_call_id?: string;
  readonly status?: string;
}

/** `human`, `ai`, `tool`, `system`, …; null for what is no message. */
export function typeOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return null;
  const { getType, _getType: getTypeOfOld } = value as { getType?: unknown; _getType?: unknown };
  const read = typeof getType === 'function' ? getType : getTypeOfOld;
  if (typeof read !== 'function') return null;
  const type: unknown = read.call(value);
  return typeof type === 'string' ? type : null;
}

export function isMessage(value: unknown): value is AnyMessage {
  return typeOf(value) !== null;
}

/** The messages in a state, or in an update of it: on their own, in lists, or in commands. */
export function* messagesIn(state: unknown): Generator<AnyMessage> {
  if (isMessage(state)) yield state;
  else if (Array.isArray(state)) for (const item of state) yield* messagesOf(item);
  else if (isCommand(state)) yield* messagesIn(state.update);
  else if (typeof state === 'object' && state !== null)
    for (const value of Object.values(state)) yield* messagesOf(value);
}

function* messagesOf(value: unknown): Generator<AnyMessage> {
  if (isMessage(value)) yield value;
  else if (isCommand(value)) yield* messagesIn(value.update);
  else if (Array.isArray(value)) {
    for (const item of value) {
      if (isMessage(item)) yield item;
      // a command's update may be pairs of a channel and its value
      else if (Array.isArray(item)) yield* item.filter(isMessage);
    }
  }
}

/** With a command, a node or a tool directs the graph. */
function isCommand(value: unknown): value is { readonly update: unknown } {
  return typeof value === 'object' && value !== null && 'lg_name' in value && value.lg_name === 'Command';
}

/** The messages of models in an update that stand there in a plain form: `{role, content}`, or a pair of role and text. */
export function* plainMessagesIn(update: unknown): Generator<AnyMessage> {
  const values: unknown[] = typeof update === 'object' && update !== null ? Object.values(update) : [];
  for (const item of values.flat()) {
    if (typeof item !== 'object' || item === null || isMessage(item)) continue;
    const [role, content] = Array.isArray(item) ? item : [Reflect.get(item, 'role'), Reflect.get(item, 'content')];
    const isOfModel = role === 'assistant' || role === 'ai';
    if (isOfModel) yield { content, additional_kwargs: {}, response_metadata: {} };
  }
}
