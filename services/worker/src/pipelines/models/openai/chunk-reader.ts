import type { OpenAIClient } from '@langchain/openai';
import { type Fields, isFields } from './fields.ts';
import { badEnd, faultIn } from './reported-error.ts';
import { ToolCallFragments } from './tool-call-fragments.ts';
import { usageIn } from './usage-counts.ts';

export type CompletionChunk = OpenAIClient.Chat.Completions.ChatCompletionChunk;

/** Where servers say what a model thinks; some say the same under two names. */
const REASONING_FIELDS = ['reasoning_content', 'reasoning', 'reasoning_text', 'thinking', 'reasoning_details'] as const;

/** Where servers say why a model has stopped. */
const REASON_FIELDS = ['finish_reason', 'finishReason', 'stop_reason'] as const;

/** Words for an end that leaves half an answer: `error`, `USER_CANCEL`, `network_error`, `ERROR_TOXIC`. */
const BAD_ENDS =
  /(?:^|_)(?:errors?|abort(?:ed)?|cancel(?:l?ed)?|fail(?:ed|ure)?|exception|interrupted|time_?out|timed_out|preempted|overloaded)(?:_|$)|^(?:insufficient_system_resource|(?:malformed|unexpected)_(?:function|tool)_call)$/;

/** Reads the frames of a streamed completion as what OpenAI's protocol would have them be. Each server that speaks it has
 *  words of its own; both ways to a pipeline, LangChain's messages and the one past them, get what is read here.
 *
 *  A frame that is as it should be stays as it is: this is the path of every token.
 *  @see docs/adr/0023-one-reader-for-all-servers.md */
export class ChunkReader {
  readonly #headers: Headers;
  readonly #calls = new ToolCallFragments();
  #hasRole = false;
  #refused = false;
  #hasText = false;
  #hasThought = false;
  #viaDelta = false;
  #words = 0;
  #finished = false;
  #fault: Error | null = null;

  /** @param headers of the response: an error that is found in its body has them */
  constructor(headers: Headers) {
    this.#headers = headers;
  }

  /** whether the model has said something: a part of a text, a thought or a tool call */
  get said(): boolean {
    return this.#words > 0;
  }

  /** how many frames have said something */
  get words(): number {
    return this.#words;
  }

  /** whether the model has said why it stopped: the answer is whole, but perhaps for its usage */
  get finished(): boolean {
    return this.#finished;
  }

  /** what is wrong after the chunk that was read last */
  get fault(): Error | null {
    return this.#fault;
  }

  /** @param event the frame's name, if it has one
   *  @returns null where the frame says nothing
   *  @throws SyntaxError the frame is no JSON
   *  @throws APIError it reports a fault */
  read(data: string, event?: string): CompletionChunk | null {
    const isError = event === 'error';
    const frame = frameIn(data, isError, event);
    if (this.#hasRole && !isError && isPlain(frame)) {
      this.#hasText = true;
      this.#viaDelta = true;
      this.#words += 1;
      return frame as unknown as CompletionChunk;
    }
    for (const each of Array.isArray(frame) ? frame : [frame]) {
      const fault = faultIn(each, isError, this.#headers);
      if (fault !== null) throw fault;
    }
    return isFields(frame) ? this.#chunk(frame) : null;
  }

  /** The stream has said that it is over.
   *  @returns the reason to stop, where the server has given none although something was said */
  end(): CompletionChunk | null {
    if (this.#finished || !this.said) return null;
    this.#finished = true;
    const reason = this.#refused ? 'content_filter' : this.#calls.any ? 'tool_calls' : 'stop';
    const chunk = { choices: [{ index: 0, delta: {}, finish_reason: reason }] };
    return chunk as unknown as CompletionChunk;
  }

  #chunk(frame: Fields): CompletionChunk {
    const choice = choiceIn(frame['choices']);
    const usage = usageIn(frame, choice);
    if (usage !== undefined) frame['usage'] = usage;
    if (choice === null) frame['choices'] = [];
    else this.#mend(frame, choice);
    return frame as unknown as CompletionChunk;
  }

  #mend(frame: Fields, choice: Fields): void {
    if (saysNothing(choice) && !hasReason(choice)) return;
    const delta = this.#deltaIn(choice);
    // LangChain finds calls and thoughts in messages of assistants alone
    if (!this.#hasRole && typeof delta['role'] !== 'string') delta['role'] = 'assistant';
    this.#hasRole = true;
    const { text, reasoning, refusal } = wordsIn(delta);
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
      this.#hasThought ||= reasoning !== '';
      this.#viaDelta ||= hasFields(choice['delta']);
      this.#words += 1;
    }
    frame['choices'] = [{ ...choice, index: 0, delta, finish_reason: this.#reasonIn(choice) }];
  }

  /** @returns a copy, with what is said in it under the names of a delta */
  #deltaIn({ delta, message, text }: Fields): Fields {
    if (hasFields(delta)) {
      return delta['content'] === undefined && typeof text === 'string' ? { ...delta, content: text } : { ...delta };
    }
    if (typeof delta === 'string') return { content: delta };
    const whole: Fields = isFields(message) ? { ...message } : {};
    if (this.#viaDelta) this.#leaveOutRepeated(whole);
    return whole['content'] === undefined && typeof text === 'string' ? { ...whole, content: text } : whole;
  }

  /** A message after deltas is the whole answer once more. */
  #leaveOutRepeated(message: Fields): void {
    const parts = partsOf(message['content']);
    if (this.#hasThought) {
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

  #reasonIn(choice: Fields): string | null {
    const reason = REASON_FIELDS.map((name) => choice[name]).find(isReason);
    if (reason === undefined) return null;
    if (BAD_ENDS.test(reason.toLowerCase())) {
      this.#fault = badEnd(this.#headers);
      return null;
    }
    this.#finished = true;
    return this.#refused && /^(stop|eos|end_turn)$/i.test(reason) ? 'content_filter' : reason;
  }
}

/** @returns undefined for a frame that is no part of the answer: a ping */
function frameIn(data: string, isError: boolean, event: string | undefined): unknown {
  try {
    return JSON.parse(data);
  } catch {
    if (data.trim() === '') return undefined;
    if (isError) return { message: data };
    // `event: ping` with `data: ping`
    if (event !== undefined && event !== 'message' && !data.trimStart().startsWith('{')) return undefined;
    // the engine's own words quote what the model said
    throw new SyntaxError('a chunk of the completion is no JSON');
  }
}

/** The first choice, by its index where the order is another one. */
function choiceIn(choices: unknown): Fields | null {
  if (!Array.isArray(choices)) return null;
  const all = choices.filter(isFields);
  return all.find(({ index }) => index === 0 || index === undefined || index === null || index === '0') ?? null;
}

function hasFields(value: unknown): value is Fields {
  return isFields(value) && Object.keys(value).length > 0;
}

function hasReason(choice: Fields): boolean {
  return REASON_FIELDS.some((name) => isReason(choice[name]));
}

/** Some servers write `null` as a word. */
function isReason(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !/^(null|none)$/i.test(value);
}

function saysNothing({ delta, message, text }: Fields): boolean {
  return !isFields(delta) && typeof delta !== 'string' && !isFields(message) && typeof text !== 'string';
}

/** Whether there is nothing in a frame but text, as it is with nearly all of them. */
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

interface Words {
  readonly text: string;
  readonly reasoning: string;
  readonly refusal: string;
}

/** What is said in a delta, wherever the server puts it. */
function wordsIn(delta: Fields): Words {
  const parts = partsOf(delta['content']);
  const reasoning = REASONING_FIELDS.map((name) => thoughtIn(delta[name])).find((thought) => thought !== '') ?? '';
  return {
    text: parts.text,
    reasoning: reasoning === '' ? parts.reasoning : reasoning,
    refusal: (typeof delta['refusal'] === 'string' ? delta['refusal'] : '') + parts.refusal,
  };
}

function partsOf(content: unknown): Words {
  if (typeof content === 'string') return { text: content, reasoning: '', refusal: '' };
  let [text, reasoning, refusal] = ['', '', ''];
  for (const part of Array.isArray(content) ? content : [content]) {
    if (typeof part === 'string') text += part;
    if (!isFields(part)) continue;
    if (typeof part['refusal'] === 'string') refusal += part['refusal'];
    const isThought = /think|reason/.test(String(part['type']));
    if (isThought) reasoning += thoughtIn(part);
    else if (typeof part['text'] === 'string') text += part['text'];
  }
  return { text, reasoning, refusal };
}

/** Thoughts come as text, as an object or as a list of these. Bounded in depth: nothing that a model thinks is deeper. */
function thoughtIn(given: unknown, depth = 0): string {
  if (typeof given === 'string') return given;
  if (depth > 3 || typeof given !== 'object' || given === null) return '';
  if (Array.isArray(given)) return given.map((each) => thoughtIn(each, depth + 1)).join('');
  const fields = given as Fields;
  const named = ['text', 'thinking', 'reasoning', 'content', 'summary'].map((name) =>
    thoughtIn(fields[name], depth + 1),
  );
  return named.find((thought) => thought !== '') ?? '';
}
