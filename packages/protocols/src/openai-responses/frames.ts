import type { JobError, StreamEventData } from '@millrace/contracts';
import { DIVERGED, type OpenAiError, openAiJobError } from '../openai/errors.ts';
import { type Continuation, goOn, type Projection, type StepContext } from '../projection/projection.ts';
import { ProjectionFormat } from '../projection/projection-format.ts';
import { type DeltaEvent, isDeltaEvent, type ReadEvent } from '../projection/read-event.ts';
import type { StreamedJob } from '../stream-format.ts';
import { type Item, type ItemStatus, itemAdded, itemDelta, itemDone, itemJson, type Said } from './output.ts';
import { type ResponseProgress, type ResponseStatus, responseJson } from './response.ts';

/** How far a response is, for everyone who has read the same events of an attempt. */
export interface ResponseState {
  readonly status: ResponseStatus | null;
  readonly done: readonly Item[];
  /** in the order in which they began */
  readonly open: readonly Item[];
  /** the message that began last */
  readonly messageId: string;
  /** Whether the job says several messages. Then it is an agent, and calls its tools itself: its caller must not run them. */
  readonly hasMessages: boolean;
  /** calls that the pipeline has answered itself */
  readonly answered: readonly string[];
}

/** The name of the function that stands for an agent's question to a person; its `call_id` is the id of the question. */
export const INTERRUPT_FUNCTION = 'interrupt';

export const INITIAL: ResponseState = {
  status: null,
  done: [],
  open: [],
  messageId: '',
  hasMessages: false,
  answered: [],
};

/** The events of a response. Its `sequence_number` counts them, and is the cursor. A client's strict reader knows a closed set of
 *  event types, so there is none of our own. */
export const responsesProjection: Projection<ResponseState> = {
  contentType: 'text/event-stream',
  headers: () => ({}),
  initial: () => INITIAL,
  step(state, event, context) {
    if (isDeltaEvent(event) && event.quoted !== '') {
      const open = continuation(state, event, context.job);
      if (open !== null) return goOn(open, state, { quoted: event.quoted, number: context.number });
    }
    const begun = begin(state, event, context.job);
    const spoken = speak(begun.state, event, context.job);
    return { state: spoken.state, frames: numbered([...begun.said, ...spoken.said], context) };
  },
  continuation,
  diverged: (state, context) => numbered(failed(state, DIVERGED, context.job).said, context),
};

/** One object for all requests: frames are shared by the readers of a job. */
export const responsesFormat = new ProjectionFormat(responsesProjection, { cursor: 'attempt-frame' });

const KINDS = { text: 'message', reasoning: 'reasoning', tool_call_delta: 'function_call' } as const;
/** in no id, and in no JSON */
const PLACE = '\0';

/** How an item that is open goes on. */
function continuation(
  state: ResponseState,
  { type, data }: DeltaEvent,
  job: StreamedJob,
): Continuation<ResponseState> | null {
  const isCall = type === 'tool_call_delta';
  if (isCall && state.hasMessages) return null;
  const key = isCall ? data.callId : (data.messageId ?? state.messageId);
  const item = state.open.find((each) => each.kind === KINDS[type] && each.key === key);
  if (item === undefined) return null;
  const { type: name, members } = itemDelta(job.id, item, PLACE);
  const place = members.indexOf(PLACE);
  return {
    beforeNumber: `event: ${name}\ndata: {"type":"${name}","sequence_number":`,
    before: `,${members.slice(0, place)}`,
    after: `${members.slice(place + 1)}}\n\n`,
    extend: (before, quoted) => extend(before, item, quoted),
  };
}

interface Spoken {
  readonly state: ResponseState;
  readonly said: readonly Said[];
}

/** `response.created` comes first, whatever the first event is: a reader may begin with a later attempt. */
function begin(state: ResponseState, { type }: ReadEvent, job: StreamedJob): Spoken {
  const said: Said[] = [];
  let { status } = state;
  if (status === null) {
    status = type === 'accepted' ? 'queued' : 'in_progress';
    said.push(lifecycle('response.created', job, { status, output: [] }));
  }
  if (type === 'started') {
    status = 'in_progress';
    said.push(lifecycle('response.in_progress', job, { status, output: [] }));
  }
  return status === state.status ? { state, said } : { state: { ...state, status }, said };
}

function speak(state: ResponseState, event: ReadEvent, job: StreamedJob): Spoken {
  switch (event.type) {
    case 'text':
      return addText(state, { kind: 'message', messageId: event.data.messageId, quoted: event.quoted }, job);
    case 'reasoning':
      return addText(state, { kind: 'reasoning', messageId: event.data.messageId, quoted: event.quoted }, job);
    case 'tool_call_start':
    case 'tool_call':
      return state.hasMessages ? { state, said: [] } : addCall(state, event, job);
    case 'tool_result':
      return { state: { ...state, answered: [...state.answered, event.data.callId] }, said: [] };
    case 'message_start': {
      const { state: closed, said } = close(state, ({ key, kind }) => kind !== 'function_call' && key === '', job);
      return { state: { ...closed, messageId: event.data.messageId, hasMessages: true }, said };
    }
    case 'message_end': {
      const { messageId } = event.data;
      return close(state, ({ key, kind }) => kind !== 'function_call' && key === messageId, job);
    }
    case 'interrupt':
      return ask(state, event.data, job);
    case 'done':
      return end(state, event.data, job);
    case 'error':
      return failed(state, openAiJobError(event.data as JobError), job);
    case 'cancelled':
      return cancelled(state, job);
    default:
      // so does a delta of a call whose start is missing: it comes whole at its end
      return { state, said: [] };
  }
}

interface Piece {
  readonly kind: 'message' | 'reasoning';
  readonly messageId: string | undefined;
  readonly quoted: string;
}

function addText(state: ResponseState, { kind, messageId, quoted }: Piece, job: StreamedJob): Spoken {
  if (quoted === '') return { state, said: [] };
  const key = messageId ?? state.messageId;
  const before = close(state, (each) => each.kind !== 'function_call' && each.key === key, job);
  const opened = open(before.state, { kind, key, name: '' }, job);
  return {
    state: extend(opened.state, opened.item, quoted),
    said: [...before.said, ...opened.said, itemDelta(job.id, opened.item, quoted)],
  };
}

function addCall(
  state: ResponseState,
  { type, data }: ReadEvent<'tool_call_start' | 'tool_call'>,
  job: StreamedJob,
): Spoken {
  const { callId } = data;
  const item = state.open.find(({ kind, key }) => kind === 'function_call' && key === callId);
  const { name } = data;
  const messageKey = data.messageId ?? state.messageId;
  const before = close(state, ({ kind, key }) => kind !== 'function_call' && key === messageKey, job);
  const begun = item === undefined ? open(before.state, { kind: 'function_call', key: callId, name }, job) : null;
  const opened = { state: begun?.state ?? before.state, said: [...before.said, ...(begun?.said ?? [])] };
  if (type === 'tool_call_start') return opened;
  const call = item ?? (begun as NonNullable<typeof begun>).item;
  const quoted = JSON.stringify((data as StreamEventData['tool_call']).arguments).slice(1, -1);
  const delta = call.quoted === '' && quoted !== '' ? [itemDelta(job.id, call, quoted)] : [];
  const whole = replace(opened.state, call, { ...call, name, quoted });
  const done = close(whole, ({ index }) => index === call.index, job);
  return { state: done.state, said: [...opened.said, ...delta, ...done.said] };
}

/** An agent's question is a call of a function that its caller has: the output of the call is the answer. */
function ask(
  state: ResponseState,
  { interruptId, value, node }: StreamEventData['interrupt'],
  job: StreamedJob,
): Spoken {
  const opened = open(state, { kind: 'function_call', key: interruptId, name: INTERRUPT_FUNCTION }, job);
  const quoted = JSON.stringify(JSON.stringify({ value, ...(node === undefined ? {} : { node }) })).slice(1, -1);
  const asked = extend(opened.state, opened.item, quoted);
  const done = close(asked, ({ index }) => index === opened.item.index, job);
  return { state: done.state, said: [...opened.said, itemDelta(job.id, opened.item, quoted), ...done.said] };
}

/** How a response ended whose job is done. */
export function finishOf({ finishReason, usage }: StreamEventData['done']) {
  const reason = INCOMPLETE[finishReason] ?? null;
  return { status: reason === null ? ('completed' as const) : ('incomplete' as const), reason, usage };
}

/** Why a response is not whole, by what the model said. */
const INCOMPLETE: Readonly<Record<string, string>> = { length: 'max_output_tokens', content_filter: 'content_filter' };

function end(state: ResponseState, data: StreamEventData['done'], job: StreamedJob): Spoken {
  const finish = finishOf(data);
  const { status } = finish;
  const closed = close(state, () => true, job, status);
  const response = lifecycle(`response.${status}`, job, { ...finish, output: outputOf(state, job, status) });
  return { state: { ...closed.state, status }, said: [...closed.said, response] };
}

/** `error` comes first: to most readers `response.failed` alone is no failure. */
function failed(state: ResponseState, error: OpenAiError, job: StreamedJob): Spoken {
  const { message, code } = error;
  const flat = JSON.stringify({ code, message, param: null, error }).slice(1, -1);
  const output = outputOf(state, job);
  const response = lifecycle('response.failed', job, { status: 'failed', output, error });
  return { state: { ...state, status: 'failed' }, said: [{ type: 'error', members: flat }, response] };
}

/** No event says so: a strict reader would throw at an unknown one. */
function cancelled(state: ResponseState, job: StreamedJob): Spoken {
  const output = outputOf(state, job);
  const response = lifecycle('response.incomplete', job, { status: 'cancelled', output });
  return { state: { ...state, status: 'cancelled' }, said: [response] };
}

/** @param openStatus of items that were not complete when the response ended
 *  @returns the JSON of the items by index, without calls that the pipeline has answered itself */
export function outputOf(
  state: ResponseState,
  { id }: StreamedJob,
  openStatus: ItemStatus = 'incomplete',
): readonly string[] {
  const open = new Set(state.open);
  return [...state.done, ...state.open]
    .filter(({ kind, key }) => kind !== 'function_call' || !state.answered.includes(key))
    .sort((one, other) => one.index - other.index)
    .map((item) => itemJson(id, item, open.has(item) ? openStatus : 'completed'));
}

function open(state: ResponseState, { kind, key, name }: Pick<Item, 'kind' | 'key' | 'name'>, job: StreamedJob) {
  const item: Item = { index: state.done.length + state.open.length, kind, key, name, quoted: '' };
  return { item, state: { ...state, open: [...state.open, item] }, said: itemAdded(job.id, item) };
}

function close(
  state: ResponseState,
  isMeant: (item: Item) => boolean,
  job: StreamedJob,
  status: ItemStatus = 'completed',
): Spoken {
  const closing = state.open.filter(isMeant);
  if (closing.length === 0) return { state, said: [] };
  return {
    state: {
      ...state,
      done: [...state.done, ...closing],
      open: state.open.filter((item) => !closing.includes(item)),
    },
    said: closing.flatMap((item) => itemDone(job.id, item, status)),
  };
}

function extend(state: ResponseState, { index }: Item, quoted: string): ResponseState {
  const open = state.open.map((item) => (item.index === index ? { ...item, quoted: item.quoted + quoted } : item));
  return { ...state, open };
}

function replace(state: ResponseState, { index }: Item, item: Item): ResponseState {
  return { ...state, open: state.open.map((each) => (each.index === index ? item : each)) };
}

function lifecycle(type: string, job: StreamedJob, progress: ResponseProgress): Said {
  return { type, members: `"response":${responseJson(job, progress)}` };
}

function numbered(said: readonly Said[], { number }: StepContext): string[] {
  return said.map(
    ({ type, members }, place) =>
      `event: ${type}\ndata: {"type":"${type}","sequence_number":${number + place},${members}}\n\n`,
  );
}
