import type { JobError, StreamEventData, Usage } from '@millrace/contracts';
import { CANCELLED, DIVERGED, type OpenAiError, openAiJobError } from '../openai/errors.ts';
import { shownModel } from '../openai/model.ts';
import { type Continuation, goOn, type Projection, type Step, type StepContext } from '../projection/projection.ts';
import { ProjectionFormat } from '../projection/projection-format.ts';
import type { DeltaEvent, ReadEvent } from '../projection/read-event.ts';
import type { StreamedJob } from '../stream-format.ts';
import { type Calls, callsFor, endingCalls, withCall } from './calls.ts';

/** Before the id of a job, in the id of its answer. */
export const COMPLETION_PREFIX = 'chatcmpl-';

/** How far an answer is, for everyone who has read the same events of an attempt. */
interface ChatState {
  /** the JSON of every chunk up to its choices */
  readonly head: string;
  readonly hasRole: boolean;
  readonly calls: Calls;
  readonly questions: readonly StreamEventData['interrupt'][];
}

interface Spoken {
  readonly state: ChatState;
  /** what stands in the `data:` lines of the frames */
  readonly said: readonly string[];
}

const DONE = '[DONE]';
/** what holds the text of an event in a delta */
const MEMBERS = { text: 'content', reasoning: 'reasoning_content' } as const;
const NOTHING: readonly string[] = [];

/** An answer as chunks. The number of a frame is its `id`, with which a reader may resume. */
class ChatProjection implements Projection<ChatState> {
  readonly contentType = 'text/event-stream';
  /** the JSON of a chunk after its choices */
  readonly #tail: string;
  readonly #includesUsage: boolean;

  /** @param includesUsage adds a last chunk with the usage, and `usage: null` to the others */
  constructor({ includesUsage }: { readonly includesUsage: boolean }) {
    this.#includesUsage = includesUsage;
    this.#tail = includesUsage ? ',"usage":null}' : '}';
  }

  headers(): Readonly<Record<string, string>> {
    return {};
  }

  initial(job: StreamedJob): ChatState {
    return { head: headOf(job), hasRole: false, calls: callsFor(job), questions: [] };
  }

  step(state: ChatState, event: ReadEvent, context: StepContext): Step<ChatState> {
    if (isPieceOfAnswer(event) && event.quoted !== '') {
      const continuation = this.continuation(state, event);
      if (continuation !== null) return goOn(continuation, state, { quoted: event.quoted, number: context.number });
    }
    const { state: next, said } = this.#speak(state, event);
    return { state: next, frames: numbered(said, context) };
  }

  continuation({ hasRole, head }: ChatState, delta: DeltaEvent): Continuation<ChatState> | null {
    if (!hasRole || !isPieceOfAnswer(delta)) return null;
    return {
      beforeNumber: 'id: ',
      before: `\ndata: ${head}"choices":[{"index":0,"delta":{"${MEMBERS[delta.type]}":"`,
      after: `"},"finish_reason":null}]${this.#tail}\n\n`,
    };
  }

  diverged(_: ChatState, context: StepContext): string[] {
    return numbered(failed(DIVERGED), context);
  }

  #speak(state: ChatState, event: ReadEvent): Spoken {
    switch (event.type) {
      case 'text':
      case 'reasoning':
        if (event.quoted === '') return { state, said: NOTHING };
        return this.#say(state, `"${MEMBERS[event.type]}":"${event.quoted}"`);
      case 'accepted':
      case 'started':
        return state.hasRole ? { state, said: NOTHING } : this.#say(state, '"content":""');
      case 'message_start':
      case 'tool_call_start':
      case 'tool_call_delta':
      case 'tool_call':
      case 'tool_result': {
        const { calls, json } = withCall(state.calls, event);
        const next = calls === state.calls ? state : { ...state, calls };
        return json === null ? { state: next, said: NOTHING } : this.#say(next, `"tool_calls":[${json}]`);
      }
      case 'interrupt':
        return { state: { ...state, questions: [...state.questions, event.data] }, said: NOTHING };
      case 'done':
        return { state, said: this.#finished(state, event.data) };
      case 'error':
        return { state, said: failed(openAiJobError(event.data as JobError)) };
      case 'cancelled':
        return { state, said: failed(CANCELLED) };
      default:
        return { state, said: NOTHING };
    }
  }

  /** @param members of the delta; the first one has the role */
  #say(state: ChatState, members: string): Spoken {
    if (state.hasRole) return { state, said: [this.#chunk(state, members)] };
    return { state: { ...state, hasRole: true }, said: [this.#chunk(state, `"role":"assistant",${members}`)] };
  }

  #finished(state: ChatState, { finishReason, usage }: StreamEventData['done']): string[] {
    const ending = finishReason === 'tool_calls' ? endingCalls(state.calls) : [];
    const calls = ending.length === 0 ? null : this.#say(state, `"tool_calls":[${ending.join(',')}]`);
    const { state: last, said } = calls ?? this.#role(state);
    const hasCalls = last.calls.told.length > 0 || ending.length > 0;
    const finish = this.#chunk(last, '', finishOf(finishReason, hasCalls), last.questions);
    const counted = `${state.head}"choices":[],"usage":${JSON.stringify(usageOf(usage))}}`;
    return [...said, finish, ...(this.#includesUsage ? [counted] : []), DONE];
  }

  #role(state: ChatState): Spoken {
    return state.hasRole ? { state, said: NOTHING } : this.#say(state, '"content":""');
  }

  #chunk({ head }: ChatState, members: string, finish?: string, questions: ChatState['questions'] = []): string {
    const reason = finish === undefined ? 'null' : JSON.stringify(finish);
    const asked = questions.length === 0 ? '' : `,"interrupts":${JSON.stringify(questions)}`;
    return `${head}"choices":[{"index":0,"delta":{${members}},"finish_reason":${reason}${asked}}]${this.#tail}`;
  }
}

/** One object each for all requests: frames are shared by the readers of a job. */
const PLAIN = new ProjectionFormat(new ChatProjection({ includesUsage: false }), { cursor: 'attempt-frame' });
const COUNTED = new ProjectionFormat(new ChatProjection({ includesUsage: true }), { cursor: 'attempt-frame' });

/** The stream of an answer.
 *  @param includesUsage as `stream_options.include_usage` asks */
export function chatFormat({ includesUsage }: { readonly includesUsage: boolean }): ProjectionFormat<ChatState> {
  return includesUsage ? COUNTED : PLAIN;
}

/** Why an answer ended, as OpenAI says it; other words of providers stay. A reader without calls must not look for some. */
export function finishOf(finishReason: string, hasCalls: boolean): string {
  return finishReason === 'tool_calls' && !hasCalls ? 'stop' : finishReason;
}

export function usageOf({ inputTokens, outputTokens }: Usage) {
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
  };
}

/** What answers and chunks have in common. */
export function headFields(job: StreamedJob, object: string) {
  return {
    id: `${COMPLETION_PREFIX}${job.id}`,
    object,
    created: Math.floor(job.createdAt / 1_000),
    model: shownModel(job),
  };
}

function headOf(job: StreamedJob): string {
  return `${JSON.stringify(headFields(job, 'chat.completion.chunk')).slice(0, -1)},`;
}

function isPieceOfAnswer(event: ReadEvent): event is ReadEvent<'text' | 'reasoning'> {
  return event.type === 'text' || event.type === 'reasoning';
}

/** A top-level `error` makes clients throw, whatever came before. */
function failed(error: OpenAiError): string[] {
  return [JSON.stringify({ error }), DONE];
}

function numbered(said: readonly string[], { number }: StepContext): string[] {
  return said.map((data, index) => `id: ${number + index}\ndata: ${data}\n\n`);
}
