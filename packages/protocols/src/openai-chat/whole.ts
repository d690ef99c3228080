import type { StoredEvent, StreamEventData, ToolCall } from '@millrace/contracts';
import type { AnswerCollector, WholeAnswer } from '../foreign/whole-answer.ts';
import { failedAnswer } from '../openai/errors.ts';
import { type ReadEvent, readEvent } from '../projection/read-event.ts';
import type { StreamedJob } from '../stream-format.ts';
import { callsFor } from './calls.ts';
import { finishOf, headFields, usageOf } from './frames.ts';

/** The answer of a job to a client that does not stream. */
export class ChatCollector implements AnswerCollector {
  readonly #text: string[] = [];
  readonly #reasoning: string[] = [];
  /** calls that are the caller's to run, by id */
  readonly #calls = new Map<string, ToolCall>();
  readonly #questions: StreamEventData['interrupt'][] = [];
  #isAgent = false;
  #last: ReadEvent | null = null;

  constructor(private readonly job: StreamedJob) {}

  add(stored: StoredEvent): void {
    const event = readEvent(stored);
    this.#last = event;
    switch (event.type) {
      case 'text':
        this.#text.push(event.data.text);
        break;
      case 'reasoning':
        this.#reasoning.push(event.data.text);
        break;
      case 'message_start':
        this.#isAgent = true;
        break;
      case 'tool_call':
        this.#calls.set(event.data.callId, event.data);
        break;
      case 'tool_result':
        this.#calls.delete(event.data.callId);
        break;
      case 'interrupt':
        this.#questions.push(event.data);
        break;
    }
  }

  end(): WholeAnswer {
    const last = this.#last;
    if (last?.type !== 'done') return failedAnswer(last);
    const { finishReason, usage } = last.data;
    const calls = this.#callersCalls(finishReason);
    const content = this.#text.join('');
    const reasoning = this.#reasoning.join('');
    const message = {
      role: 'assistant',
      content: content === '' && calls.length > 0 ? null : content,
      refusal: null,
      ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
      ...(calls.length === 0 ? {} : { tool_calls: calls.map(callOf) }),
    };
    const asked = this.#questions.length === 0 ? {} : { interrupts: this.#questions };
    const choice = { index: 0, message, logprobs: null, finish_reason: finishOf(finishReason, calls.length > 0) };
    const body = {
      ...headFields(this.job, 'chat.completion'),
      choices: [{ ...choice, ...asked }],
      usage: usageOf(usage),
    };
    return { status: 200, body };
  }

  #callersCalls(finishReason: string): ToolCall[] {
    if (this.#isAgent) return [];
    const { areCallers } = callsFor(this.job);
    return areCallers || finishReason === 'tool_calls' ? [...this.#calls.values()] : [];
  }
}

function callOf({ callId, name, arguments: args }: ToolCall) {
  return { id: callId, type: 'function', function: { name, arguments: args } };
}
