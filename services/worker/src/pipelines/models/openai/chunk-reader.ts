import type { OpenAIClient } from '@langchain/openai';
import { type Fields, isFields } from './fields.ts';
import { failedFinish, reportedError } from './reported-error.ts';
import { ToolCallFragments } from './tool-call-fragments.ts';
import { mergedUsage, usageIn } from './usage-counts.ts';

export type CompletionChunk = OpenAIClient.Chat.Completions.ChatCompletionChunk;

/** Where servers put reasoning; some send the same text under two names. */
const REASONING_FIELDS = ['reasoning_content', 'reasoning', 'reasoning_text', 'thinking', 'reasoning_details'] as const;

/** Where servers put the finish reason. */
const FINISH_REASON_FIELDS = ['finish_reason', 'finishReason', 'stop_reason'] as const;

/** Finish reasons that mean a truncated answer: `error`, `USER_CANCEL`, `network_error`, `ERROR_TOXIC`. */
const FAILED_FINISH =
  /(?:^|_)(?:errors?|abort(?:ed)?|cancel(?:l?ed)?|fail(?:ed|ure)?|exception|interrupted|time_?out|timed_out|preempted|overloaded)(?:_|$)|^(?:insufficient_system_resource|(?:malformed|unexpected)_(?:function|tool)_call)$/;

/** Normalises the frames of a streamed completion to OpenAI's protocol, of which each compatible server has a dialect. Both
 *  ways to a pipeline, with and without LangChain's messages, read its output.
 *
 *  A conforming frame is passed on unchanged: this runs for every token.
 *  @see docs/adr/0023-one-reader-for-all-servers.md */
export class ChunkReader {
  readonly #headers: Headers;
  readonly #calls = new ToolCallFragments();
  #hasRole = false;
  #refused = false;
  #hasText = false;
  #hasReasoning = false;
  #hasDelta = false;
  #contentFrames = 0;
  #finished = false;
  #usage: Fields | null = null;
  #error: Error | null = null;

  /** @param headers of the response, for errors that its body reports */
  constructor(headers: Headers) {
    this.#headers = headers;
  }

  /** whether the model has sent content: text, reasoning, or a part of a tool call */
  get hasContent(): boolean {
    return this.#contentFrames > 0;
  }

  /** how many frames had content */
  get contentFrames(): number {
    return this.#contentFrames;
  }

  /** whether a finish reason has arrived: the answer is complete, except perhaps its usage */
  get finished(): boolean {
    return this.#finished;
  }

  /** an error to report after the chunk that was read last */
  get error(): Error | null {
    return this.#error;
  }

  /** @param event the frame's name, if it has one
   *  @returns null for an empty frame
   *  @throws SyntaxError the frame is not JSON
   *  @throws APIError the frame reports an error */
  read(data: string, event?: string): CompletionChunk | null {
    const isError = event === 'error';
    const frame = frameIn(data, isError, event);
    if (this.#hasRole && !isError && isPlain(frame)) {
      this.#hasText = true;
      this.#hasDelta = true;
      this.#contentFrames += 1;
      return frame as unknown as CompletionChunk;
    }
    for (const each of Array.isArray(frame) ? frame : [frame]) {
      const error = reportedError(each, isError, this.#headers);
      if (error !== null) throw error;
    }
    return isFields(frame) ? this.#chunk(frame) : null;
  }

  /** The stream has ended with `[DONE]`.
   *  @returns a chunk with the finish reason, when the server sent content but no finish reason */
  end(): CompletionChunk | null {
    if (this.#finished || !this.hasContent) return null;
    this.#finished = true;
    const reason = this.#refused ? 'content_filter' : this.#calls.any ? 'tool_calls' : 'stop';
    const chunk = { choices: [{ index: 0, delta: {}, finish_reason: reason }] };
    return chunk as unknown as CompletionChunk;
  }

  #chunk(frame: Fields): CompletionChunk {
    const choice = choiceIn(frame['choices']);
    const usage = usageIn(frame, choice);
    if (usage !== undefined) frame['usage'] = usage;
    if (isFields(frame['usage'])) {
      this.#usage = mergedUsage(this.#usage, frame['usage']);
      frame['usage'] = this.#usage;
    }
    if (choice === null) frame['choices'] = [];
    else this.#normalise(frame, choice);
    return frame as unknown as CompletionChunk;
  }

  #normalise(frame: Fields, choice: Fields): void {
    if (isEmpty(choice) && !hasFinishReason(choice)) return;
    const delta = this.#deltaIn(choice);
    // LangChain reads tool calls and reasoning only from assistant messages
    if (!this.#hasRole && typeof delta['role'] !== 'string') delta['role'] = 'assistant';
    this.#hasRole = true;
    const { text, reasoning, refusal } = contentOf(delta);
    if (refusal !== '') this.#refused = true;
    if (refusal !== '' || (typeof delta['content'] !== 'string' && text !== '')) delta['content'] = text + refusal;
    else if (typeof delta['content'] !== 'string') delta['content'] = null;
    if (reasoning !== '') delta['reasoning_content'] = reasoning;
    if (refusal !== '') delta['refusal'] = null;
    const fragments = this.#fragmentsIn(delta);
    delete delta['function_call'];
    if (fragments.length > 0) delta['tool_calls'] = fragments;
    else delete delta['tool_calls'];
    if (text !== '' || refusal !== '' || reasoning !== '' || fragments.length > 0) {
      this.#hasText ||= text !== '' || refusal !== '';
      this.#hasReasoning ||= reasoning !== '';
      this.#hasDelta ||= hasFields(choice['delta']);
      this.#contentFrames += 1;
    }
    frame['choices'] = [{ ...choice, index: 0, delta, finish_reason: this.#finishReasonIn(choice) }];
  }

  /** @returns a copy with the content in a delta's fields */
  #deltaIn({ delta, message, text }: Fields): Fields {
    if (hasFields(delta)) {
      return delta['content'] === undefined && typeof text === 'string' ? { ...delta, content: text } : { ...delta };
    }
    if (typeof delta === 'string') return { content: delta };
    const whole: Fields = isFields(message) ? { ...message } : {};
    if (this.#hasDelta) this.#dropRepeated(whole);
    return whole['content'] === undefined && typeof text === 'string' ? { ...whole, content: text } : whole;
  }

  /** A message after deltas repeats the whole answer. */
  #dropRepeated(message: Fields): void {
    const parts = partsOf(message['content']);
    if (this.#hasReasoning) {
      for (const name of REASONING_FIELDS) delete message[name];
      if (parts.reasoning !== '') message['content'] = parts.text;
    }
    if (this.#hasText) {
      message['content'] = null;
      delete message['refusal'];
    }
    if (this.#calls.any) {
      delete message['tool_calls'];
      delete message['function_call'];
    }
  }

  #fragmentsIn({ tool_calls: calls, function_call: call }: Fields): unknown[] {
    const given = Array.isArray(calls) ? calls : isFields(calls) ? [calls] : [];
    const all = isFields(call) ? [...given, { index: 'function_call', function: call }] : given;
    return all.map((each) => this.#calls.read(each)).filter((fragment) => fragment !== null);
  }

  #finishReasonIn(choice: Fields): string | null {
    const reason = FINISH_REASON_FIELDS.map((name) => choice[name]).find(isFinishReason);
    if (reason === undefined) return null;
    if (FAILED_FINISH.test(reason.toLowerCase())) {
      this.#error = failedFinish(this.#headers);
      return null;
    }
    this.#finished = true;
    return this.#refused && /^(stop|eos|end_turn)$/i.test(reason) ? 'content_filter' : reason;
  }
}

/** @returns undefined for a frame outside the answer: a ping */
function frameIn(data: string, isError: boolean, event: string | undefined): unknown {
  try {
    return JSON.parse(data);
  } catch {
    if (data.trim() === '') return undefined;
    if (isError) return { message: data };
    // `event: ping` with `data: ping`
    if (event !== undefined && event !== 'message' && !data.trimStart().startsWith('{')) return undefined;
    // the engine's own message would quote the answer
    throw new SyntaxError('a chunk of the completion is not JSON');
  }
}

/** The first choice by index, in any order. */
function choiceIn(choices: unknown): Fields | null {
  if (!Array.isArray(choices)) return null;
  const all = choices.filter(isFields);
  return all.find(({ index }) => index === 0 || index === undefined || index === null || index === '0') ?? null;
}

function hasFields(value: unknown): value is Fields {
  return isFields(value) && Object.keys(value).length > 0;
}

function hasFinishReason(choice: Fields): boolean {
  return FINISH_REASON_FIELDS.some((name) => isFinishReason(choice[name]));
}

/** Some servers send `null` as a string. */
function isFinishReason(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !/^(null|none)$/i.test(value);
}

function isEmpty({ delta, message, text }: Fields): boolean {
  return !isFields(delta) && typeof delta !== 'string' && !isFields(message) && typeof text !== 'string';
}

/** Whether a frame has nothing but text, as nearly all have. */
function isPlain(frame: unknown): frame is Fields {
  if (!isFields(frame)) return false;
  const { choices, error, usage, x_groq: groq, object, type } = frame;
  if ((error ?? usage ?? groq ?? null) !== null || object === 'error' || type === 'error') return false;
  if (!Array.isArray(choices) || choices.length !== 1) return false;
  const choice: unknown = choices[0];
  return isFields(choice) && isPlainChoice(choice);
}

function isPlainChoice(choice: Fields): boolean {
  const { index, error, usage } = choice;
  if ((error ?? usage ?? null) !== null || (index ?? 0) !== 0) return false;
  const { delta, message, text, finish_reason: reason, finishReason, stop_reason: stopReason } = choice;
  if (!isFields(delta) || message !== undefined || text !== undefined) return false;
  if ((reason ?? finishReason ?? stopReason ?? null) !== null) return false;
  const { content } = delta;
  if (typeof content !== 'string' || content === '') return false;
  for (const name in delta) if (name !== 'content' && name !== 'role') return false;
  return true;
}

interface DeltaContent {
  readonly text: string;
  readonly reasoning: string;
  readonly refusal: string;
}

/** The content of a delta, wherever the server puts it. */
function contentOf(delta: Fields): DeltaContent {
  const parts = partsOf(delta['content']);
  const reasoning = REASONING_FIELDS.map((name) => reasoningIn(delta[name])).find((found) => found !== '') ?? '';
  return {
    text: parts.text,
    reasoning: reasoning === '' ? parts.reasoning : reasoning,
    refusal: (typeof delta['refusal'] === 'string' ? delta['refusal'] : '') + parts.refusal,
  };
}

function partsOf(content: unknown): DeltaContent {
  if (typeof content === 'string') return { text: content, reasoning: '', refusal: '' };
  let [text, reasoning, refusal] = ['', '', ''];
  for (const part of Array.isArray(content) ? content : [content]) {
    if (typeof part === 'string') text += part;
    if (!isFields(part)) continue;
    if (typeof part['refusal'] === 'string') refusal += part['refusal'];
    const isReasoning = /think|reason/.test(String(part['type']));
    if (isReasoning) reasoning += reasoningIn(part);
    else if (typeof part['text'] === 'string') text += part['text'];
  }
  return { text, reasoning, refusal };
}

/** Reasoning comes as text, as an object, or as a list of these. The bound on depth exceeds every known format. */
function reasoningIn(given: unknown, depth = 0): string {
  if (typeof given === 'string') return given;
  if (depth > 3 || typeof given !== 'object' || given === null) return '';
  if (Array.isArray(given)) return given.map((each) => reasoningIn(each, depth + 1)).join('');
  const fields = given as Fields;
  const named = ['text', 'thinking', 'reasoning', 'content', 'summary'].map((name) =>
    reasoningIn(fields[name], depth + 1),
  );
  return named.find((found) => found !== '') ?? '';
}
