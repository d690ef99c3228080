import { StringDecoder } from 'node:string_decoder';
import type { EventSourceMessage } from 'eventsource-parser';
import { PipelineError } from '../../pipeline.ts';
import { type AnswerSource, type ByteSink, sourceOf } from './body-source.ts';
import { ChunkReader, type CompletionChunk } from './chunk-reader.ts';
import { FrameParser } from './frame-parser.ts';

export type { CompletionChunk } from './chunk-reader.ts';

type Next = IteratorResult<CompletionChunk, undefined>;

/** Once so many chunks wait to be read, no more are asked for. */
const MAX_WAITING = 256;

/** How long an answer that is whole may take to tell what it cost and that it is over, milliseconds. */
const GRACE_MS = 2_000;

/** A body that is no stream, but one JSON text, is read as a whole: UTF-16 units. */
const MAX_WHOLE = 32 * 1024 * 1024;

const OVER: Next = { done: true, value: undefined };

/** Called for whatever a model's server sends.
 *  @param said false for what is no part of an answer: a comment that keeps the connection alive, an empty frame */
export type Heard = (said: boolean) => void;

export interface CompletionStreamOptions {
  readonly signal?: AbortSignal | null;
  readonly heard?: Heard | undefined;
}

/** Reads a streamed completion, as OpenAI's own client does but for 2 µs a chunk (measured): what one read of the
 *  socket brought is decoded and parsed in one go, without a promise per line. To be read by one reader.
 *
 *  Reading throws SyntaxError where a chunk is no JSON, APIError where the server reports an error amid the stream, and
 *  what `fetch` throws where the connection is lost. An abort only ends it. When the model has said why it stopped, the
 *  answer is whole: it ends within {@link GRACE_MS}, whatever becomes of the connection. */
export class CompletionStream implements AsyncIterableIterator<CompletionChunk>, ByteSink {
  readonly #source: AnswerSource;
  readonly #reading: ChunkReader;
  readonly #signal: AbortSignal | null;
  readonly #heard: Heard | undefined;
  readonly #decoder = new StringDecoder();
  readonly #parser = new FrameParser((frame) => this.#messages.push(frame));
  readonly #messages: EventSourceMessage[] = [];
  /** the beginning of the body while nobody can tell what it is, then all of it where it is one JSON text */
  #whole: string | null = '';
  #isJson = false;
  #paused = false;
  #end: { readonly error?: unknown } | null = null;
  #reader: PromiseWithResolvers<Next> | null = null;
  #grace: NodeJS.Timeout | null = null;
  /** how much had been said when the grace began */
  #wordsAtGrace = 0;

  /** @throws PipelineError the response has no body */
  constructor(response: Response, { signal = null, heard }: CompletionStreamOptions = {}) {
    if (response.body === null) throw new PipelineError('MODEL_ERROR', 'The model’s answer is empty.', true);
    this.#reading = new ChunkReader(response.headers);
    this.#signal = signal;
    this.#heard = heard;
    this.#source = sourceOf(response, response.body);
    this.#source.pushTo(this);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Next> {
    this.#reader = Promise.withResolvers();
    const { promise } = this.#reader;
    this.#serve();
    return promise;
  }

  return(): Promise<Next> {
    this.#close();
    return Promise.resolve(OVER);
  }

  bytes(bytes: Uint8Array): boolean {
    this.#heard?.(this.#reading.said);
    this.#feed(this.#decoder.write(bytes));
    this.#serve();
    this.#paused = this.#messages.length >= MAX_WAITING;
    return !this.#paused;
  }

  end(): void {
    this.#feed(this.#decoder.end());
    if (this.#isJson) this.#readWhole();
    else this.#parser.end();
    this.#end ??= {};
    this.#serve();
  }

  failed(error: unknown): void {
    this.#end ??= { error };
    this.#serve();
  }

  #feed(text: string): void {
    if (this.#whole === null) {
      this.#parser.feed(text);
      return;
    }
    this.#whole += text;
    if (!this.#isJson) {
      const first = /[^\s\uFEFF]/.exec(this.#whole)?.[0];
      if (first === undefined) return;
      this.#isJson = first === '{' || first === '[';
    }
    if (this.#isJson) {
      if (this.#whole.length > MAX_WHOLE) {
        this.#whole = '';
        this.failed(new SyntaxError('the body is too large for one JSON text'));
        this.#abort();
      }
      return;
    }
    const beginning = this.#whole.replace(/^\uFEFF/, '');
    this.#whole = null;
    this.#parser.feed(beginning);
  }

  /** A body that is one JSON text, or one a line: an answer that is not streamed, or what is wrong. One text says by its end
   *  that it is over; lines do not, nor does a single chunk: the rest of them may be lost. */
  #readWhole(): void {
    const text = (this.#whole ?? '').replace(/^\uFEFF/, '').trim();
    const push = (data: string) => this.#messages.push({ data, event: undefined, id: undefined });
    const value = jsonIn(text);
    if (value === undefined) {
      for (const line of text.split('\n')) if (line.trim() !== '') push(line);
      return;
    }
    for (const each of Array.isArray(value) ? value : [value]) push(JSON.stringify(each));
    if (Array.isArray(value) || !isChunk(value)) push('[DONE]');
  }

  /** Gives the reader what it waits for, where it is there. */
  #serve(): void {
    const reader = this.#reader;
    if (reader === null) return;
    // closing the connection tells of its failure at once: that must not answer this reader in place of what was taken
    this.#reader = null;
    try {
      const next = this.#take();
      if (next === null) {
        this.#reader = reader;
        this.#readOn();
        return;
      }
      reader.resolve(next);
    } catch (error) {
      this.#close();
      reader.reject(error);
    }
  }

  /** @returns null where nothing is there yet */
  #take(): Next | null {
    if (this.#signal?.aborted) return this.#over();
    if (this.#reading.fault !== null) throw this.#reading.fault;
    for (let message = this.#messages.shift(); message !== undefined; message = this.#messages.shift()) {
      if (isDone(message.data)) {
        const last = this.#reading.end();
        this.#close();
        return last === null ? OVER : { done: false, value: last };
      }
      const hadSaid = this.#reading.said;
      const chunk = this.#read(message);
      if (!hadSaid && this.#reading.said) this.#heard?.(true);
      if (this.#reading.finished) this.#startGrace();
      if (chunk !== null) return { done: false, value: chunk };
    }
    if (this.#end === null) return null;
    // what becomes of the connection harms an answer no more that is whole
    if (this.#end.error !== undefined && !this.#reading.finished) throw this.#end.error;
    return this.#over();
  }

  /** @returns null where the message says nothing */
  #read({ data, event }: EventSourceMessage): CompletionChunk | null {
    try {
      return this.#reading.read(data, event);
    } catch (error) {
      // half a frame harms an answer no more that is whole
      if (error instanceof SyntaxError && this.#reading.finished) return null;
      throw error;
    }
  }

  /** Begins anew with each word: some servers give a reason to stop in every frame. */
  #startGrace(): void {
    const { words } = this.#reading;
    if (words !== this.#wordsAtGrace) this.#grace?.refresh();
    this.#wordsAtGrace = words;
    this.#grace ??= setTimeout(() => {
      this.#close();
      this.#serve();
    }, GRACE_MS);
  }

  #over(): Next {
    this.#close();
    return OVER;
  }

  #readOn(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#source.resume();
  }

  /** Nothing more is wanted: a server that goes on talking is cut off. */
  #close(): void {
    if (this.#grace !== null) clearTimeout(this.#grace);
    if (this.#end === null) this.#abort();
    this.#end = {};
    this.#messages.length = 0;
  }

  #abort(): void {
    this.#source.abort(new DOMException('The answer is no longer read.', 'AbortError'));
  }
}

/** Some servers write blanks around it. */
function isDone(data: string): boolean {
  return !data.startsWith('{') && data.trim() === '[DONE]';
}

/** @returns undefined where it is no JSON */
function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // a line of JSON for each chunk, or half a text: each line is read, and judged, on its own
    return undefined;
  }
}

/** Whether it is a part of a streamed answer, not a whole one. */
function isChunk(value: unknown): boolean {
  const { choices } = (value ?? {}) as { readonly choices?: readonly ({ readonly delta?: unknown } | null)[] };
  return Array.isArray(choices) && choices.some((choice) => typeof choice?.delta === 'object' && choice.delta !== null);
}
