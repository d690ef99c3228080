import type { StreamEventData } from '@millrace/contracts';
import { type Continuation, goOn, type Projection, type Step, type StepContext } from '../projection/projection.ts';
import { ProjectionFormat } from '../projection/projection-format.ts';
import type { DeltaEvent, ReadEvent } from '../projection/read-event.ts';
import type { StreamedJob, StreamFormat } from '../stream-format.ts';
import { approvalsOf } from './approvals.ts';
import { type AnswerState, Chunks, EMPTY_ANSWER, type OpenPart } from './chunks.ts';

export interface AiSdkStream {
  /** Whether the answer continues the client's last message, whose tool calls it may answer. Otherwise it is a message of its
   *  own, with the id of the job. */
  readonly continues: boolean;
  /** Whether a reader may continue at the n-th chunk since the beginning of the log. Otherwise it begins again. */
  readonly counted: boolean;
  /** Whether the client knows requests to approve a tool call: not version 5. */
  readonly approvals: boolean;
  /** What a reader gets when what it was told is void: a broken connection, so that it begins again, or an error. */
  readonly whenVoid: 'break' | 'error';
}

const FINISH_REASONS: Readonly<Record<string, string>> = {
  stop: 'stop',
  length: 'length',
  content_filter: 'content-filter',
  tool_calls: 'tool-calls',
};
const DONE = 'data: [DONE]\n\n';
const FORMATS = new Map<string, StreamFormat>();

/** The UI message stream of the AI SDK, version 1. A frame is one chunk, or the `[DONE]` after the last.
 *  @see https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol */
export function aiSdkFormat(stream: AiSdkStream): StreamFormat {
  const name = JSON.stringify([stream.continues, stream.counted, stream.approvals, stream.whenVoid]);
  let format = FORMATS.get(name);
  if (format === undefined) {
    format = new ProjectionFormat(new UiMessageStream(stream), { cursor: stream.counted ? 'frame' : 'none' });
    FORMATS.set(name, format);
  }
  return format;
}

class UiMessageStream implements Projection<AnswerState> {
  readonly contentType = 'text/event-stream';

  constructor(readonly stream: AiSdkStream) {}

  headers({ id }: StreamedJob): Record<string, string> {
    return { 'X-Vercel-AI-UI-Message-Stream': 'v1', 'X-Workflow-Run-Id': id };
  }

  initial(): AnswerState {
    return EMPTY_ANSWER;
  }

  step(state: AnswerState, event: ReadEvent, context: StepContext): Step<AnswerState> {
    switch (event.type) {
      case 'text':
      case 'reasoning':
      case 'tool_call_delta':
        return event.quoted === '' ? { state, frames: [] } : this.#speak(state, event, context);
      case 'accepted':
      case 'reset':
        return { state, frames: [] };
      default: {
        const chunks = this.#begin(state, context.job);
        const end = this.#tell(chunks, event, context.job);
        return { state: chunks.state, frames: end === null ? chunks.frames : [...chunks.frames, end] };
      }
    }
  }

  continuation(state: AnswerState, { type, data }: DeltaEvent): Continuation<AnswerState> | null {
    if (type === 'tool_call_delta') {
      const isBeingWritten = state.calls.get(data.callId)?.isWritten === false;
      return isBeingWritten ? argumentsOf(data.callId) : null;
    }
    const open = state.parts.get(data.messageId ?? state.current);
    return open?.kind === type ? textIn(open) : null;
  }

  diverged(state: AnswerState, { job }: StepContext): readonly string[] {
    if (this.stream.whenVoid === 'break') return [];
    const chunks = this.#begin(state, job);
    const message = 'The answer was started afresh and says something else now: ask for it again.';
    this.#fail(chunks, job, { code: 'WORKER_LOST', message, retryable: true });
    return [...chunks.frames, DONE];
  }

  #begin(state: AnswerState, job: StreamedJob): Chunks {
    const chunks = new Chunks(state);
    chunks.begin(this.stream.continues ? undefined : job.id);
    return chunks;
  }

  #speak(state: AnswerState, event: DeltaEvent, { job, number }: StepContext): Step<AnswerState> {
    const { quoted } = event;
    const open = this.continuation(state, event);
    if (open !== null) return goOn(open, state, { quoted, number });
    // one whose start is missing comes whole at its end
    if (event.type === 'tool_call_delta') return { state, frames: [] };
    const chunks = this.#begin(state, job);
    const part = { kind: event.type, id: chunks.openPart(event.data.messageId ?? state.current, event.type) };
    const { frames } = goOn(textIn(part), chunks.state, { quoted, number });
    return { state: chunks.state, frames: [...chunks.frames, ...frames] };
  }

  /** @returns the frame after the last chunk; null: the answer goes on */
  #tell(chunks: Chunks, event: ReadEvent, job: StreamedJob): string | null {
    switch (event.type) {
      case 'message_start':
        chunks.openMessage(event.data.messageId);
        return null;
      case 'message_end':
        chunks.closeMessage(event.data.messageId);
        return null;
      case 'tool_call_start':
        chunks.startCall(event.data);
        return null;
      case 'tool_call':
        chunks.call(event.data);
        return null;
      case 'tool_result':
        chunks.result(event.data, { mayBeKnown: this.stream.continues });
        return null;
      case 'custom':
        chunks.say({ type: `data-${nameOf(event.data)}`, ...idOfData(event.data.data), data: event.data.data });
        return null;
      case 'state':
        chunks.say({ type: 'data-state', data: event.data, transient: true });
        return null;
      case 'interrupt':
        this.#ask(chunks, event.data);
        return null;
      case 'done':
        chunks.finish(finishReasonOf(event.data.finishReason, chunks.state), {
          ...metadataOf(job),
          usage: usageOf(event.data.usage),
          timings: event.data.timings,
        });
        return DONE;
      case 'error':
        this.#fail(chunks, job, event.data);
        return DONE;
      case 'cancelled':
        chunks.closeAll();
        chunks.say({ type: 'abort' });
        chunks.finish('other', { ...metadataOf(job), cancelled: event.data });
        return DONE;
      default:
        // `started` says that the answer begins; what a newer service says besides is not for this protocol
        return null;
    }
  }

  /** A question of an agent. Where it is about tool calls that the client has, these wait for its approval. */
  #ask(chunks: Chunks, interrupt: StreamEventData['interrupt']): void {
    chunks.say({ type: 'data-interrupt', id: interrupt.interruptId, data: interrupt });
    if (!this.stream.approvals) return;
    for (const approval of approvalsOf(interrupt, chunks.state.calls)) {
      chunks.askApproval(approval);
    }
  }

  #fail(chunks: Chunks, job: StreamedJob, { message, ...error }: StreamEventData['error']): void {
    chunks.closeAll();
    chunks.say({ type: 'error', errorText: message });
    // clients stop at the error, but for those that reconnect until they see a `finish`
    chunks.finish('error', { ...metadataOf(job), error });
  }
}

function textIn({ kind, id }: OpenPart): Continuation<AnswerState> {
  return { beforeNumber: null, before: `data: {"type":"${kind}-delta","id":"${id}","delta":"`, after: '"}\n\n' };
}

function argumentsOf(callId: string): Continuation<AnswerState> {
  const before = `data: {"type":"tool-input-delta","toolCallId":${JSON.stringify(callId)},"inputTextDelta":"`;
  return { beforeNumber: null, before, after: '"}\n\n' };
}

function finishReasonOf(reason: string, { waitsForApproval }: AnswerState): string {
  return FINISH_REASONS[reason] ?? (waitsForApproval ? 'tool-calls' : 'other');
}

function metadataOf({ id, model, threadId }: StreamedJob) {
  return { jobId: id, model, ...(threadId === null ? {} : { threadId }) };
}

function usageOf({ inputTokens, outputTokens }: StreamEventData['done']['usage']) {
  return { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens };
}

/** What comes after `data-` in the type of a chunk: the name of the event, or the `type` that its data has. */
function nameOf({ name, data }: StreamEventData['custom']): string {
  const given = name ?? fieldOf(data, 'type') ?? 'custom';
  return given.startsWith('data-') ? given.slice('data-'.length) : given;
}

/** A client replaces a part by a later one with the same type and id. */
function idOfData(data: unknown): { id?: string } {
  const id = fieldOf(data, 'id');
  return id === undefined ? {} : { id };
}

function fieldOf(data: unknown, name: string): string | undefined {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return undefined;
  const value = (data as Record<string, unknown>)[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
