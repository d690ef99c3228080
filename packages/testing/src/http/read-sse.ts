import { isTerminal } from '@millrace/contracts';
import { createParser } from 'eventsource-parser';
import { deferred } from '../latches/deferred.ts';

/** One event, as received. */
export interface SseEvent {
  readonly id: string | undefined;
  /** `message` when the event had no name */
  readonly event: string;
  /** the parsed JSON */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into data of every event type
  readonly data: any;
  /** `performance.now()` on arrival */
  readonly at: number;
}

export interface ReadSseOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** sent as JSON, with POST unless `method` says otherwise */
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/** Reads an SSE stream in the background from its creation, so that arrival times are exact.
 *  Iterate it, or use its helpers; it takes any number of readers, each from the first event. */
export class SseReader implements AsyncIterable<SseEvent>, AsyncDisposable {
  /** every event so far */
  readonly events: SseEvent[] = [];
  /** every comment so far, heartbeats included */
  readonly comments: string[] = [];
  /** every `retry:` hint so far, milliseconds */
  readonly retryHints: number[] = [];
  /** settles at the end of the body: `clean`, or `broken` when the connection was lost or closed from this side */
  readonly ended: Promise<'clean' | 'broken'>;
  private readonly closing: AbortController;
  private news = deferred();
  private over = false;

  constructor(
    readonly response: Response,
    closing: AbortController,
  ) {
    this.closing = closing;
    this.ended = this.read();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<SseEvent> {
    for (let index = 0; ; index += 1) {
      const event = await this.at(index);
      if (event === null) return;
      yield event;
    }
  }

  /** The first event that matches, already received or still to come.
   *  @throws Error the body ended without one */
  async until(matches: (event: SseEvent) => boolean): Promise<SseEvent> {
    for await (const event of this) if (matches(event)) return event;
    throw new Error(`the stream ended without such an event; it had: ${JSON.stringify(this.events)}`);
  }

  /** The next `count` events from the first one on.
   *  @throws Error the body ended before that */
  async take(count: number): Promise<SseEvent[]> {
    if (count > 0) await this.until(() => this.events.length >= count);
    return this.events.slice(0, count);
  }

  /** All events, once the body has ended. */
  async collect(): Promise<SseEvent[]> {
    await this.ended;
    return this.events;
  }

  /** The text so far: what a client that obeys `reset` would show. */
  text(): string {
    let text = '';
    for (const { event, data } of this.events) {
      if (event === 'message') text += data.text;
      if (event === 'reset') text = '';
    }
    return text;
  }

  /** The last event when it is terminal, otherwise undefined. */
  terminal(): SseEvent | undefined {
    const last = this.events.at(-1);
    return last !== undefined && isTerminal(last.event) ? last : undefined;
  }

  /** Closes the connection from this side. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async at(index: number): Promise<SseEvent | null> {
    for (;;) {
      const event = this.events[index];
      if (event !== undefined) return event;
      if (this.over) return null;
      await this.news.promise;
    }
  }

  private async read(): Promise<'clean' | 'broken'> {
    const parser = createParser({
      onEvent: ({ id, event, data }) => {
        this.events.push({ id, event: event ?? 'message', data: JSON.parse(data), at: performance.now() });
      },
      onComment: (comment) => this.comments.push(comment.trim()),
      onRetry: (ms) => this.retryHints.push(ms),
    });
    const reader = this.response.body?.getReader();
    // a body that was passed in open does not know the signal
    this.closing.signal.addEventListener('abort', () => void reader?.cancel().catch(() => undefined), { once: true });
    try {
      const decoder = new TextDecoder();
      for (;;) {
        const chunk = await reader?.read();
        if (chunk === undefined || chunk.done) return this.closing.signal.aborted ? 'broken' : 'clean';
        parser.feed(decoder.decode(chunk.value, { stream: true }));
        this.wake();
      }
    } catch {
      return 'broken'; // the connection was lost or closed: the reader sees it in `ended`
    } finally {
      this.over = true;
      this.wake();
    }
  }

  private wake(): void {
    const { resolve } = this.news;
    this.news = deferred();
    resolve();
  }
}

/** Opens an SSE stream, or reads an open one: `await using stream = await readSse(url, { body: { query } })`.
 *  @throws Error the answer is not an event stream; quotes its status and body */
export async function readSse(source: string | URL | Response, options: ReadSseOptions = {}): Promise<SseReader> {
  const closing = new AbortController();
  options.signal?.addEventListener('abort', () => closing.abort(), { once: true });
  const response = source instanceof Response ? source : await open(source, options, closing.signal);
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) {
    throw new Error(`no event stream: ${response.status} ${await response.text()}`);
  }
  return new SseReader(response, closing);
}

function open(url: string | URL, { method, headers, body }: ReadSseOptions, signal: AbortSignal): Promise<Response> {
  return fetch(url, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      accept: 'text/event-stream',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal,
  });
}
