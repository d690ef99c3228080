import { type Message, type Millrace, MillraceError, newRequestId } from '@millrace/client';
import { element } from './dom.ts';
import { type Exchange, exchangeMetadata, exchangeOf } from './exchange-metadata.ts';
import { ExchangeStream } from './exchange-stream.ts';
import { ExchangeView } from './exchange-view.ts';
import { scrollToEnd } from './scrolling.ts';
import { errorSentence } from './wording.ts';

// how far back a link opens a conversation
const MAX_EXCHANGES = 50;

/** What the conversation tells the page around it. */
export interface ConversationObserver {
  /** an answer is being made, or no longer */
  busy(isBusy: boolean): void;
  /** the request id that brings this conversation back */
  at(requestId: string): void;
  /** for assistive technology */
  announce(text: string): void;
  /** the service wants an API key */
  keyWanted(): void;
}

/** The questions and answers on the page, and the one that is being answered. */
export class Conversation {
  /** what the service has accepted, oldest first */
  private readonly exchanges: { readonly exchange: Exchange; readonly view: ExchangeView }[] = [];
  private stream: ExchangeStream | null = null;
  private isLeft = false;

  constructor(
    private readonly client: Millrace,
    private readonly list: HTMLElement,
    private readonly observer: ConversationObserver,
  ) {}

  /** Asks the next question, with the conversation so far. */
  async ask(question: string): Promise<void> {
    const messages: Message[] = [...this.history(), { role: 'user', content: question }];
    const exchange: Exchange = { id: newRequestId(), question, previous: this.exchanges.at(-1)?.exchange.id ?? null };
    const view = this.show(exchange);
    scrollToEnd();
    const metadata = exchangeMetadata(question, exchange.previous);
    const ended = await this.run(new ExchangeStream(this.client, exchange.id, view), (stream) =>
      stream.ask({ messages, metadata }, () => {
        this.exchanges.push({ exchange, view });
        this.observer.at(exchange.id);
      }),
    );
    if (ended) this.observer.announce(view.spoken);
  }

  /** Brings back the conversation that ends with this request, and watches it to its end. */
  async open(requestId: string): Promise<void> {
    this.observer.busy(true);
    for (const exchange of await this.chain(requestId)) {
      if (this.isLeft) return;
      const view = this.show(exchange);
      this.exchanges.push({ exchange, view });
      await this.run(new ExchangeStream(this.client, exchange.id, view), (stream) => stream.resume());
    }
  }

  /** Cancels the job that is being answered. */
  async stop(): Promise<void> {
    const { stream } = this;
    if (stream === null) return;
    try {
      await this.client.jobs.resume(stream.id).cancel();
    } catch (error) {
      // it was faster than the button: the stream brings the end
      if (error instanceof MillraceError && error.code === 'JOB_FINISHED') return;
      if (stream.hasBegun) {
        stream.view.note(errorSentence(error));
        return;
      }
      // the service does not have it, or cannot be reached: there is nothing to wait for
      stream.leave();
      stream.view.fail('Stopped before the service had it.');
    }
  }

  /** Drops the connection of the running answer, to be resumed. */
  cut(): void {
    this.stream?.cut();
  }

  /** Takes this conversation off the page. Its jobs go on. */
  leave(): void {
    this.isLeft = true;
    this.stream?.leave();
    this.list.replaceChildren();
  }

  /** @returns true when the stream saw the job's end */
  private async run(stream: ExchangeStream, work: (stream: ExchangeStream) => Promise<boolean>): Promise<boolean> {
    this.stream = stream;
    this.observer.busy(true);
    let ended = false;
    try {
      ended = await work(stream);
    } catch (error) {
      this.failed(error, stream);
    }
    if (this.isLeft) return false;
    this.stream = null;
    this.observer.busy(false);
    return ended;
  }

  private failed(error: unknown, stream: ExchangeStream): void {
    const sentence = errorSentence(error);
    if (error instanceof MillraceError && error.code === 'UNAUTHENTICATED') this.observer.keyWanted();
    if (!(error instanceof MillraceError && error.retryable && stream.hasBegun)) {
      stream.view.fail(sentence);
      return;
    }
    const again = element('button', 'quiet', 'Watch again');
    again.type = 'button';
    again.addEventListener('click', () => {
      if (this.stream !== null) return;
      again.closest('.failure')?.remove();
      void this.run(stream, () => stream.resume());
    });
    stream.view.fail(sentence, again);
  }

  private show(exchange: Exchange): ExchangeView {
    const view = new ExchangeView(exchange);
    this.list.append(view.root);
    return view;
  }

  private history(): Message[] {
    return this.exchanges.flatMap(({ exchange, view }): Message[] => {
      if (exchange.question === '' || view.text === '') return [];
      return [
        { role: 'user', content: exchange.question },
        { role: 'assistant', content: view.text },
      ];
    });
  }

  /** The exchanges that lead to a request, oldest first. */
  private async chain(requestId: string): Promise<Exchange[]> {
    const exchanges: Exchange[] = [];
    let next: string | null = requestId;
    while (next !== null && exchanges.length < MAX_EXCHANGES) {
      const exchange = await this.look(next, exchanges.length === 0);
      if (exchange === null) break;
      exchanges.unshift(exchange);
      next = exchange.previous;
    }
    return exchanges;
  }

  /** @returns null when an earlier exchange is gone: the conversation is shown from where it is still known */
  private async look(id: string, isAskedFor: boolean): Promise<Exchange | null> {
    try {
      return exchangeOf(await this.client.jobs.resume(id).get());
    } catch {
      // for the request that was asked for, its stream meets the same trouble and says what it is
      return isAskedFor ? { id, question: '', previous: null } : null;
    }
  }
}
