import { type DeltaForm, deltaForm, deltaHead, type StoredEvent } from '@millrace/contracts';
import type { StreamedJob } from '../stream-format.ts';
import type { Continuation, Projection } from './projection.ts';
import type { DeltaEvent } from './read-event.ts';

/** The deltas of one kind and one message in an attempt, and how they are told. */
export interface DeltaLine<S> {
  readonly type: DeltaEvent['type'];
  /** their JSON before the text, with its opening quote */
  readonly head: string;
  /** the beginning of their ids */
  readonly attempt: string;
  readonly continuation: Continuation<S>;
}

/** what ends a string of JSON or a line, or begins an escape */
const SPECIAL = /["\\\r\n\0]/;
const LINE_BREAKER = /[\r\n\0]/;
/** an escape that texts seldom have */
const UNUSUAL = /\\u/;
const QUOTE = 0x22;
const BRACE = 0x7d;
/** text whose escapes are the usual ones; in linear time: no part of it can match in two ways */
const TEXT = /^[^"\\\r\n\0]*(?:\\["\\bfnrt][^"\\\r\n\0]*)*$/;

/** @param delta the last event, after which the state is `state` */
export function lineOf<S>(
  projection: Projection<S>,
  state: S,
  { delta, attempt, job }: { readonly delta: DeltaEvent; readonly attempt: number; readonly job: StreamedJob },
): DeltaLine<S> | null {
  const continuation = projection.continuation?.(state, delta, job) ?? null;
  if (continuation === null) return null;
  const { type, data } = delta;
  const head = `${deltaHead(deltaForm(type) as DeltaForm, data)}"`;
  const { before, after } = continuation;
  return {
    type,
    head,
    attempt: `${attempt}-`,
    continuation: { ...continuation, before: flat(before), after: flat(after) },
  };
}

/** The same text in one piece: one that was put together is put together again for each frame that is made with it. */
function flat(text: string): string {
  return Buffer.from(text).toString();
}

/** @returns the text of an event as JSON has it; null: the event does not go on with the line, or is rare enough to be read */
export function textIn({ type, head }: Omit<DeltaLine<unknown>, 'continuation'>, event: StoredEvent): string | null {
  const { data } = event;
  if (event.type !== type || !data.startsWith(head) || !endsText(data)) return null;
  const quoted = data.slice(head.length, -2);
  return quoted !== '' && (!SPECIAL.test(quoted) || isText(quoted)) ? quoted : null;
}

function isText(quoted: string): boolean {
  if (quoted.includes('"')) return TEXT.test(quoted);
  // two searches for one thing each: one search for both costs more
  return !LINE_BREAKER.test(quoted) && !UNUSUAL.test(quoted) && !quoted.endsWith('\\');
}

/** Whether JSON ends with `"}`; `endsWith` costs four times as much. */
function endsText(data: string): boolean {
  return data.charCodeAt(data.length - 1) === BRACE && data.charCodeAt(data.length - 2) === QUOTE;
}
