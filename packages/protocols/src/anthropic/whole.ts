import type { StoredEvent } from '@millrace/contracts';
import { type AnswerCollector, NO_ANSWER, type WholeAnswer } from '../foreign/whole-answer.ts';
import { type ReadEvent, readEvent } from '../projection/read-event.ts';
import type { StreamedJob } from '../stream-format.ts';
import { type AnthropicError, anthropicJobError, errorBody } from './errors.ts';
import {
  ASKED,
  type Block,
  CANCELLED,
  INITIAL,
  type MessageState,
  messageHead,
  messagesProjection,
  stopReasonOf,
  usageOf,
} from './frames.ts';

/** Makes a message of the events of a job's last attempt, without streaming. */
export class MessageCollector implements AnswerCollector {
  #state: MessageState = INITIAL;
  #last: ReadEvent | null = null;

  constructor(private readonly job: StreamedJob) {}

  add(event: StoredEvent): void {
    this.#last = readEvent(event);
    this.#state = messagesProjection.step(this.#state, this.#last, { job: this.job, number: 0 }).state;
  }

  end(): WholeAnswer {
    const last = this.#last;
    const { hasAsked } = this.#state;
    if (last?.type !== 'done' || hasAsked)
      return this.#failed(hasAsked ? ASKED : errorOf(last), hasAsked ? 400 : NO_ANSWER);
    const body = {
      ...messageHead(this.job),
      content: this.#content(),
      stop_reason: stopReasonOf(last.data.finishReason),
      stop_sequence: null,
      usage: usageOf(last.data.usage),
    };
    return { status: 200, headers: { 'request-id': this.job.id }, body };
  }

  #failed(error: AnthropicError, status: number): WholeAnswer {
    const { id } = this.job;
    return { status, headers: { 'request-id': id, 'x-should-retry': 'false' }, body: errorBody(error, id) };
  }

  #content(): object[] {
    const { done, open, answered } = this.#state;
    return [...done, ...open]
      .filter(({ kind, key }) => kind !== 'tool_use' || !answered.includes(key))
      .sort((one, other) => one.index - other.index)
      .map(contentOf);
  }
}

function errorOf(last: ReadEvent | null): AnthropicError {
  if (last?.type === 'error') return anthropicJobError(last.data);
  return last?.type === 'cancelled' ? CANCELLED : { type: 'api_error', message: 'The answer is not known.' };
}

function contentOf({ kind, key, name, quoted }: Block): object {
  const text = JSON.parse(`"${quoted}"`) as string;
  if (kind === 'text') return { type: kind, text };
  if (kind === 'thinking') return { type: kind, thinking: text, signature: '' };
  return { type: kind, id: key, name, input: inputOf(text) };
}

/** A model may write arguments that are no JSON, or none: whoever runs the tool must see what there is. */
function inputOf(text: string): unknown {
  try {
    return JSON.parse(text || '{}');
  } catch {
    return { arguments: text };
  }
}
