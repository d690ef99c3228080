import type { StreamEventData, Usage } from '@millrace/contracts';
import { shownModel } from '../openai/model.ts';
import {
  type Continuation,
  type DeltaFrame,
  frameAround,
  goOn,
  type Projection,
  type StepContext,
} from '../projection/projection.ts';
import { ProjectionFormat } from '../projection/projection-format.ts';
import { type DeltaEvent, isDeltaEvent, type ReadEvent } from '../projection/read-event.ts';
import type { StreamedJob } from '../stream-format.ts';
import { type AnthropicError, anthropicJobError, errorBody } from './errors.ts';

/** A block of a message's content. Text stands as it is between the quotes of JSON. */
export interface Block {
  readonly index: number;
  readonly kind: 'text' | 'thinking' | 'tool_use';
  /** id of the message that it belongs to, '' for none; of a call its id */
  readonly key: string;
  /** of a call */
  readonly name: string;
  /** text, or a call's input */
  readonly quoted: string;
}

/** How far a message is, for everyone who has read the same events of an attempt. */
export interface MessageState {
  readonly isBegun: boolean;
  readonly done: readonly Block[];
  /** one of text or thinking at most, and calls that are being written */
  readonly open: readonly Block[];
  /** the message that began last */
  readonly messageId: string;
  /** the job is an agent, which calls its tools itself */
  readonly hasMessages: boolean;
  /** it asks a person, which a client of this protocol cannot answer */
  readonly hasAsked: boolean;
  /** calls that the pipeline has answered itself */
  readonly answered: readonly string[];
}

export const INITIAL: MessageState = {
  isBegun: false,
  done: [],
  open: [],
  messageId: '',
  hasMessages: false,
  hasAsked: false,
  answered: [],
};

export const CANCELLED: AnthropicError = { type: 'api_error', message: 'The answer was cancelled.' };
export const ASKED: AnthropicError = {
  type: 'invalid_request_error',
  message: 'The agent asks a person, and this protocol has no way to answer: use a thread.',
};
const DIVERGED: AnthropicError = {
  type: 'api_error',
  message: 'The answer was started afresh and says something else now: send the request again.',
};

/** The events of a message of Anthropic's API. There is no cursor: a reader who lost its connection has lost the answer. */
export const messagesProjection: Projection<MessageState> = {
  contentType: 'text/event-stream',
  headers: ({ id }) => ({ 'request-id': id }),
  initial: () => INITIAL,
  step(state, event, { job, number }) {
    if (isDeltaEvent(event) && event.quoted !== '') {
      const open = continuation(state, event);
      if (open !== null) return goOn(open, state, { quoted: event.quoted, number });
    }
    const begun = state.isBegun ? [] : [started(job)];
    const spoken = speak(state.isBegun ? state : { ...state, isBegun: true }, event, job);
    return { state: spoken.state, frames: begun.length === 0 ? spoken.frames : [...begun, ...spoken.frames] };
  },
  continuation,
  diverged: (_, { job }: StepContext) => [failure(DIVERGED, job)],
};

/** One object for all requests: frames are shared by the readers of a job. */
export const messagesFormat = new ProjectionFormat(messagesProjection, { cursor: 'none' });

const KINDS = { text: 'text', reasoning: 'thinking', tool_call_delta: 'tool_use' } as const;

/** How a block that is open goes on. */
function continuation(state: MessageState, { type, data }: DeltaEvent): Continuation<MessageState> | null {
  const isCall = type === 'tool_call_delta';
  if (isCall && state.hasMessages) return null;
  const key = isCall ? data.callId : (data.messageId ?? state.messageId);
  const block = state.open.find((each) => each.kind === KINDS[type] && each.key === key);
  return block === undefined
    ? null
    : { ...aroundDelta(block), extend: (before, quoted) => extend(before, block, quoted) };
}

interface Spoken {
  readonly state: MessageState;
  readonly frames: readonly string[];
}

function speak(state: MessageState, event: ReadEvent, job: StreamedJob): Spoken {
  switch (event.type) {
    case 'text':
      return addText(state, 'text', event);
    case 'reasoning':
      return addText(state, 'thinking', event);
    case 'tool_call_start':
    case 'tool_call':
      return state.hasMessages ? { state, frames: [] } : addCall(state, event);
    case 'tool_result':
      return { state: { ...state, answered: [...state.answered, event.data.callId] }, frames: [] };
    case 'message_start':
      return { state: { ...state, messageId: event.data.messageId, hasMessages: true }, frames: [] };
    case 'interrupt':
      return { state: { ...state, hasAsked: true }, frames: [] };
    case 'done':
      return state.hasAsked ? { state, frames: [failure(ASKED, job)] } : end(state, event.data);
    case 'error':
      return { state, frames: [failure(anthropicJobError(event.data), job)] };
    case 'cancelled':
      return { state, frames: [failure(CANCELLED, job)] };
    default:
      // so does a delta of a call whose start is missing: it comes whole at its end
      return { state, frames: [] };
  }
}

function addText(
  state: MessageState,
  kind: 'text' | 'thinking',
  { data, quoted }: ReadEvent<'text' | 'reasoning'>,
): Spoken {
  if (quoted === '') return { state, frames: [] };
  const key = data.messageId ?? state.messageId;
  // blocks of text follow one another: another one begins where the message or the kind changes
  const before = close(state, ({ kind: open }) => open !== 'tool_use');
  const opened = open(before.state, { kind, key, name: '' });
  return {
    state: extend(opened.state, opened.block, quoted),
    frames: [...before.frames, opened.frame, delta(opened.block, quoted)],
  };
}

function addCall(state: MessageState, event: ReadEvent<'tool_call_start' | 'tool_call'>): Spoken {
  const { type, data } = event;
  const { callId } = data;
  const block = state.open.find(({ kind, key }) => kind === 'tool_use' && key === callId);
  const { name } = data;
  const before = close(state, ({ kind }) => kind !== 'tool_use');
  const begun = block === undefined ? open(before.state, { kind: 'tool_use', key: callId, name }) : null;
  const frames = [...before.frames, ...(begun === null ? [] : [begun.frame])];
  const opened = begun?.state ?? before.state;
  if (type === 'tool_call_start') return { state: opened, frames };
  const call = block ?? (begun as NonNullable<typeof begun>).block;
  const quoted = JSON.stringify((data as StreamEventData['tool_call']).arguments).slice(1, -1);
  const rest = call.quoted === '' ? [delta(call, quoted)] : [];
  const done = close(replace(opened, { ...call, name, quoted }), ({ index }) => index === call.index);
  return { state: done.state, frames: [...frames, ...rest, ...done.frames] };
}

const STOP_REASONS: Readonly<Record<string, string>> = {
  length: 'max_tokens',
  tool_calls: 'tool_use',
  content_filter: 'refusal',
};

/** Why the model stopped, in Anthropic's words. */
export function stopReasonOf(finishReason: string): string {
  return STOP_REASONS[finishReason] ?? 'end_turn';
}

function end(state: MessageState, { finishReason, usage }: StreamEventData['done']): Spoken {
  const closed = close(state, () => true);
  const stop = { stop_reason: stopReasonOf(finishReason), stop_sequence: null };
  return {
    state: closed.state,
    frames: [
      ...closed.frames,
      frame('message_delta', `"delta":${JSON.stringify(stop)},"usage":${JSON.stringify(usageOf(usage))}`),
      frame('message_stop'),
    ],
  };
}

export function usageOf({ inputTokens, outputTokens }: Usage) {
  return { input_tokens: inputTokens, output_tokens: outputTokens };
}

/** A message before its content. */
export function messageHead(job: StreamedJob) {
  return { id: `msg_${job.id}`, type: 'message', role: 'assistant', model: shownModel(job) } as const;
}

function started(job: StreamedJob): string {
  const nothing = { content: [], stop_reason: null, stop_sequence: null, usage: { input_tokens: 0, output_tokens: 0 } };
  return frame('message_start', `"message":${JSON.stringify({ ...messageHead(job), ...nothing })}`);
}

function failure(error: AnthropicError, { id }: StreamedJob): string {
  return `event: error\ndata: ${JSON.stringify(errorBody(error, id))}\n\n`;
}

function open(state: MessageState, { kind, key, name }: Pick<Block, 'kind' | 'key' | 'name'>) {
  const block: Block = { index: state.done.length + state.open.length, kind, key, name, quoted: '' };
  const begun =
    kind === 'tool_use'
      ? { type: kind, id: key, name, input: {} }
      : kind === 'text'
        ? { type: kind, text: '' }
        : { type: kind, thinking: '', signature: '' };
  return {
    block,
    state: { ...state, open: [...state.open, block] },
    frame: frame('content_block_start', `"index":${block.index},"content_block":${JSON.stringify(begun)}`),
  };
}

const DELTAS = {
  text: '"type":"text_delta","text":"',
  thinking: '"type":"thinking_delta","thinking":"',
  tool_use: '"type":"input_json_delta","partial_json":"',
} as const;

function aroundDelta({ index, kind }: Block): DeltaFrame {
  const before = `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},"delta":{${DELTAS[kind]}`;
  return { beforeNumber: null, before, after: '"}}\n\n' };
}

function delta(block: Block, quoted: string): string {
  return frameAround(aroundDelta(block), quoted, 0);
}

function close(state: MessageState, isMeant: (block: Block) => boolean): Spoken {
  const closing = state.open.filter(isMeant);
  if (closing.length === 0) return { state, frames: [] };
  return {
    state: {
      ...state,
      done: [...state.done, ...closing],
      open: state.open.filter((block) => !closing.includes(block)),
    },
    frames: closing.map(({ index }) => frame('content_block_stop', `"index":${index}`)),
  };
}

function extend(state: MessageState, { index }: Block, quoted: string): MessageState {
  const open = state.open.map((block) => (block.index === index ? { ...block, quoted: block.quoted + quoted } : block));
  return { ...state, open };
}

function replace(state: MessageState, block: Block): MessageState {
  return { ...state, open: state.open.map((each) => (each.index === block.index ? block : each)) };
}

function frame(type: string, members = ''): string {
  return `event: ${type}\ndata: {"type":"${type}"${members === '' ? '' : `,${members}`}}\n\n`;
}
