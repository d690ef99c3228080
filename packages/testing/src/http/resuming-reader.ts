import { setTimeout as delay } from 'node:timers/promises';
import { deferred } from '../latches/deferred.ts';
import { readSse, type SseEvent, type SseReader } from './read-sse.ts';
import { endsAmong, textAfter } from './sse-history.ts';

// a real client waits as long as the server asks; this one does not, so that it measures the server alone
const RECONNECT_MS = 50;

export interface ResumingReaderOptions {
  /** sent with each request, in addition to those of a resumption */
  readonly headers?: Readonly<Record<string, string>>;
  /** the stream of a thread: it goes on after a terminal event, until the reader is closed or the thread is gone */
  readonly isThread?: boolean;
  /** the event after which to begin; the server's choice unless told */
  readonly from?: string | undefined;
}

/** A client that obeys the protocol: when it loses its connection it resumes after the last event it has seen, until
 *  the terminal event. @see PROTOCOL.md §4, §10 */
export class ResumingReader implements Disposable {
  /** from all connections, in order of arrival */
  readonly events: SseEvent[] = [];
  /** statuses of refused resumptions; 0 when there was no answer */
  readonly refusals: number[] = [];
  connections: number;
  /** where the stream of a thread began, as the server said; null until then */
  begins: string | null = null;
  /** the thread was not there when the reader came back */
  isGone = false;
  /** settles after the terminal event, or when the reader is closed */
  readonly over: Promise<void>;
  private readonly waiters = new Set<() => void>();
  private readonly closing = new AbortController();

  /** @param url where to resume the stream, called each time
   *  @param first the stream to begin with; null to open one */
  constructor(
    private readonly url: () => string,
    first: SseReader | null,
    private readonly options: ResumingReaderOptions = {},
  ) {
    this.connections = first === null ? 0 : 1;
    this.closing.signal.addEventListener('abort', () => void first?.close(), { once: true });
    this.over = this.read(first);
  }

  /** Settles at the first event that matches, already received or still to come. */
  async until(matches: (event: SseEvent) => boolean): Promise<SseEvent> {
    for (let index = 0; ; index += 1) {
      while (index >= this.events.length) {
        const news = deferred();
        this.waiters.add(news.resolve);
        await news.promise;
      }
      const event = this.events[index];
      if (event !== undefined && matches(event)) return event;
    }
  }

  /** what a client that obeys `reset` shows at the end */
  get text(): string {
    return textAfter(this.events);
  }

  get terminal(): SseEvent | undefined {
    return endsAmong(this.events)[0];
  }

  /** The longest time without an event between the first text and the end, milliseconds. */
  get longestSilenceMs(): number {
    const times = this.events.slice(this.events.findIndex(({ event }) => event === 'message')).map(({ at }) => at);
    return Math.max(0, ...times.slice(1).map((at, index) => at - (times[index] ?? at)));
  }

  /** Stops resuming; {@link over} settles, with or without a terminal event. */
  close(): void {
    this.closing.abort();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  private async read(first: SseReader | null): Promise<void> {
    let reader = first;
    while (!this.closing.signal.aborted) {
      if (reader !== null) for await (const event of reader) this.receive(event);
      if (this.isGone || (this.options.isThread !== true && this.terminal !== undefined)) return;
      reader = await this.reconnect();
    }
  }

  private async reconnect(): Promise<SseReader | null> {
    await delay(RECONNECT_MS);
    this.connections += 1;
    const { headers: own = {}, isThread = false, from } = this.options;
    // the connection may be lost before the first event
    const last = this.events.at(-1)?.id ?? this.begins ?? from;
    const headers: Record<string, string> = {
      accept: 'text/event-stream',
      ...own,
      ...(last === undefined ? {} : { 'last-event-id': last }),
    };
    try {
      const response = await fetch(this.url(), { headers, signal: this.closing.signal });
      if (response.status === 200) {
        this.begins ??= response.headers.get('last-event-id');
        return await readSse(response, { signal: this.closing.signal });
      }
      this.refusals.push(response.status);
      this.isGone = isThread && response.status === 404;
      await response.body?.cancel();
    } catch {
      this.refusals.push(0); // reset before there was an answer: try again
    }
    return null;
  }

  private receive(event: SseEvent): void {
    this.events.push(event);
    for (const wake of this.waiters) wake();
    this.waiters.clear();
  }
}
