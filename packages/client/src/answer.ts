import type { JobEvent, JobEventData, Timings, Usage } from './job-event.ts';
import type { JobStatus } from './job-view.ts';

export interface TextPart {
  readonly type: 'text' | 'reasoning';
  readonly text: string;
}

/** A call of a tool, from its first letter to its result. */
export interface ToolPart {
  readonly type: 'tool';
  readonly callId: string;
  readonly name: string;
  /** JSON text; only a part of it while the call is being written */
  readonly arguments: string;
  readonly state: 'writing' | 'called' | 'answered' | 'failed';
  /** what the tool answered; null: nothing yet */
  readonly result: string | null;
}

/** What a pipeline or one of its tools wrote beside the text. */
export interface CustomPart {
  readonly type: 'custom';
  readonly name: string | null;
  readonly data: unknown;
}

export type AnswerPart = TextPart | ToolPart | CustomPart;

/** What one call of a model says, with what its tools answered. */
export interface AnswerMessage {
  readonly id: string;
  readonly parts: readonly AnswerPart[];
  readonly isComplete: boolean;
  /** of an agent: the node that says it, and the graphs around that */
  readonly node: string | null;
  readonly namespace: readonly string[];
  readonly finishReason: string | null;
}

/** A job as its events tell it so far. */
export interface Answer {
  readonly status: JobStatus;
  /** 0: no worker has it yet */
  readonly attempt: number;
  readonly model: string | null;
  /** one that has not changed is the same object as before */
  readonly messages: readonly AnswerMessage[];
  /** what an agent asks a person */
  readonly questions: readonly JobEventData['interrupt'][];
  /** an agent's state, by mode */
  readonly states: Readonly<Record<string, unknown>>;
  /** each time that the answer began again, and why */
  readonly restarts: readonly JobEventData['reset'][];
  readonly finishReason: string | null;
  readonly usage: Usage | null;
  readonly timings: Timings | null;
  readonly error: JobEventData['error'] | null;
  /** who cancelled it */
  readonly cancelledBy: JobEventData['cancelled']['by'] | null;
}

const NOTHING_SAID = { messages: [], questions: [], states: {} } as const;

/** A job of which nothing has happened yet. */
export const NO_ANSWER: Answer = {
  ...NOTHING_SAID,
  status: 'queued',
  attempt: 0,
  model: null,
  restarts: [],
  finishReason: null,
  usage: null,
  timings: null,
  error: null,
  cancelledBy: null,
};

/** The answer after one more event; the given one stays as it is. */
export function answerAfter(answer: Answer, { type, data }: JobEvent): Answer {
  switch (type) {
    case 'accepted':
      return answer;
    case 'started':
      return { ...answer, status: 'active', attempt: data.attempt, model: data.model };
    case 'reset':
      return { ...answer, ...NOTHING_SAID, restarts: [...answer.restarts, data] };
    case 'message_start':
      return withMessage(answer, data.messageId, (message) => ({
        ...message,
        node: data.node ?? null,
        namespace: data.namespace ?? [],
      }));
    case 'message_end':
      return withMessage(answer, data.messageId, (message) => ({
        ...message,
        isComplete: true,
        finishReason: data.finishReason,
      }));
    case 'text':
    case 'reasoning':
      return said(answer, data.messageId, (parts) => withText(parts, type, data.text));
    case 'tool_call_start':
      return said(answer, data.messageId, (parts) => withTool(parts, data.callId, { name: data.name }));
    case 'tool_call_delta':
      return said(answer, data.messageId, (parts) =>
        withTool(parts, data.callId, { arguments: (toolOf(parts, data.callId)?.arguments ?? '') + data.arguments }),
      );
    case 'tool_call':
      return said(answer, data.messageId, (parts) =>
        withTool(parts, data.callId, { name: data.name, arguments: data.arguments, state: 'called' }),
      );
    case 'tool_result': {
      const { callId, name, content, isError } = data;
      const caller = answer.messages.findLast(({ parts }) => toolOf(parts, callId) !== undefined);
      const change = { name, state: isError ? ('failed' as const) : ('answered' as const), result: content };
      return said(answer, caller?.id, (parts) => withTool(parts, callId, change));
    }
    case 'custom':
      return said(answer, undefined, (parts) => [...parts, { type, name: data.name ?? null, data: data.data }]);
    case 'state':
      return { ...answer, states: { ...answer.states, [data.mode]: data.data } };
    case 'interrupt':
      return { ...answer, questions: [...answer.questions, data] };
    case 'done':
      return ended(answer, { status: 'completed', ...data });
    case 'error':
      return ended(answer, { status: 'failed', error: data });
    case 'cancelled':
      return ended(answer, { status: 'cancelled', cancelledBy: data.by });
  }
}

/** The text of messages, without reasoning and tools. */
export function textOf(messages: readonly Pick<AnswerMessage, 'parts'>[]): string {
  return messages
    .flatMap(({ parts }) => parts)
    .map((part) => (part.type === 'text' ? part.text : ''))
    .join('');
}

function ended(answer: Answer, end: Partial<Answer>): Answer {
  const messages = answer.messages.map((message) => (message.isComplete ? message : { ...message, isComplete: true }));
  return { ...answer, messages, ...end };
}

/** @param id left out: the message that began last, or the only one of a job that names none */
function withMessage(
  answer: Answer,
  id: string | undefined,
  change: (message: AnswerMessage) => AnswerMessage,
): Answer {
  const { messages } = answer;
  const at = id === undefined ? messages.length - 1 : messages.findLastIndex((message) => message.id === id);
  const message = messages[at];
  if (message !== undefined) return { ...answer, messages: messages.with(at, change(message)) };
  const fresh = { id: id ?? '', parts: [], isComplete: false, node: null, namespace: [], finishReason: null };
  return { ...answer, messages: [...messages, change(fresh)] };
}

function said(
  answer: Answer,
  id: string | undefined,
  change: (parts: readonly AnswerPart[]) => readonly AnswerPart[],
): Answer {
  return withMessage(answer, id, (message) => ({ ...message, parts: change(message.parts) }));
}

function withText(parts: readonly AnswerPart[], type: TextPart['type'], text: string): readonly AnswerPart[] {
  const last = parts.at(-1);
  return last?.type === type ? parts.with(-1, { type, text: last.text + text }) : [...parts, { type, text }];
}

function toolOf(parts: readonly AnswerPart[], callId: string): ToolPart | undefined {
  return parts.findLast((part): part is ToolPart => part.type === 'tool' && part.callId === callId);
}

function withTool(parts: readonly AnswerPart[], callId: string, change: Partial<ToolPart>): readonly AnswerPart[] {
  const tool = toolOf(parts, callId);
  if (tool !== undefined) return parts.with(parts.lastIndexOf(tool), { ...tool, ...change });
  return [...parts, { type: 'tool', callId, name: '', arguments: '', state: 'writing', result: null, ...change }];
}
