import {
  type DeltaType,
  deltaForm,
  type EventId,
  partsOfDelta,
  type StoredEvent,
  type StreamEventData,
  type StreamEventType,
} from '@millrace/contracts';
import { type EncodableBatch, UnframableEvent } from '../stream-format.ts';

/** An event with its data read. */
export type ReadEvent<T extends StreamEventType = StreamEventType> = {
  [Type in T]: {
    readonly id: EventId;
    readonly type: Type;
    readonly data: StreamEventData[Type];
  } & (Type extends DeltaType
    ? {
        /** its text as it stands in the JSON, without the quotes: may be copied into other JSON */
        readonly quoted: string;
      }
    : unknown);
}[T];

export type DeltaEvent = ReadEvent<DeltaType>;

/** Cached on the batch itself: all formats and readers of a job share what was read. */
const READ = Symbol('as read events');

interface ReadBatch extends EncodableBatch {
  [READ]?: (ReadEvent | undefined)[];
}

/** The n-th event of a batch, read when it is asked for first.
 *  @throws UnframableEvent its data is no JSON on one line, which only a corrupt log has */
export function readEventAt(batch: ReadBatch, index: number): ReadEvent {
  batch[READ] ??= [];
  batch[READ][index] ??= readEvent(batch.events[index] as StoredEvent);
  return batch[READ][index];
}

const LINE_BREAKER = /[\r\n\0]/;

/** @throws UnframableEvent */
export function readEvent({ id, type, data }: StoredEvent): ReadEvent {
  if (LINE_BREAKER.test(data)) throw new UnframableEvent('data');
  const form = deltaForm(type);
  try {
    if (form === undefined) return { id, type, data: JSON.parse(data) } as ReadEvent;
    const { head, quoted } = partsOfDelta(form, data);
    // parsing is the larger part of a token's cost, and most tokens have nothing to parse
    const isPlain = head === form.bareHead && !quoted.includes('\\');
    return { id, type, data: isPlain ? { [form.field]: quoted } : JSON.parse(data), quoted } as ReadEvent;
  } catch {
    throw new UnframableEvent('data');
  }
}

/** The rest of a delta, without its first `chars` UTF-16 code units. */
export function withoutStart(event: DeltaEvent, chars: number): ReadEvent {
  return withText(event, textOf(event).slice(chars));
}

/** The first `chars` UTF-16 code units of a delta. */
export function startOfDelta(event: DeltaEvent, chars: number): ReadEvent {
  return withText(event, textOf(event).slice(0, chars));
}

/** The text of a delta: of an answer, of reasoning, or of a call's arguments. */
export function textOf({ type, data }: DeltaEvent): string {
  return type === 'tool_call_delta'
    ? (data as StreamEventData['tool_call_delta']).arguments
    : (data as StreamEventData['text']).text;
}

/** Whether an event is one of the pieces that may be cut differently when they are said again. */
export function isDeltaEvent(event: ReadEvent): event is DeltaEvent {
  return deltaForm(event.type) !== undefined;
}

function withText(event: DeltaEvent, text: string): ReadEvent {
  const field = event.type === 'tool_call_delta' ? 'arguments' : 'text';
  return { ...event, data: { ...event.data, [field]: text }, quoted: quotedOf(text) } as ReadEvent;
}

/** Text as JSON has it, without the quotes. */
export function quotedOf(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
