import { type Message, type MillraceClient, MillraceError, newRequestId } from '@millrace/client';
import { element } from './dom.ts';
import { scrollToEnd } from './scrolling.ts';
import { type Turn, turnMetadata, turnOf } from './turn-metadata.ts';
import { TurnView } from './turn-view.ts';
import { Watch } from './watch.ts';
import { errorSentence } from './wording.ts';

// how far back a link opens a conversation
const MAX_TURNS = 50;

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
  private readonly turns: { readonly turn: Turn; readonly view: TurnView }[] = [];
  private watch: Watch | null = null;
  private isLeft = false;

  constructor(
    private readonly client: MillraceClient,
    private readonly list: HTMLElement,
    private readonly observer: ConversationObserver,
  ) {}

  /** Asks the next question, with the conversation so far. */
  async ask(question: string): Promise<void> {
    const messages: Message[] = [...this.history(), { role: 'user', content: question }];
    const turn: Turn = { id: newRequestId(), question, previous: this.turns.at(-1)?.turn.id ?? null };
    const view = this.show(turn);
    scrollToEnd();
    const metadata = turnMetadata(question, turn.previous);
    const ended = await this.run(new Watch(this.client, turn.id, view), (watch) =>
      watch.ask({ messages, metadata }, () => {
        this.turns.push({ turn, view });
        this.observer.at(turn.id);
      }),
    );
    if (ended) this.observer.announce(view.spoken);
  }

  /** Brings back the conversation that ends with this request, and watches it to its end. */
  async open(requestId: string): Promise<void> {
    this.observer.busy(true);
    for (const turn of await this.chain(requestId)) {
      if (this.isLeft) return;
      const view = this.show(turn);
      this.turns.push({ turn, view });
      await this.run(new Watch(this.client, turn.id, view), (watch) => watch.resume());
    }
  }

  /** Cancels the job that is being answered. */
  async stop(): Promise<void> {
    const { watch } = this;
    if (watch === null) return;
    try {
      await this.client.cancel(watch.id);
    } catch (error) {
      // it was faster than the button: the stream brings the end
      if (error instanceof MillraceError && error.code === 'JOB_FINISHED') return;
      if (watch.hasBegun) {
        watch.view.note(errorSentence(error));
        return;
      }
      // the service does not have it, or cannot be reached: there is nothing to wait for
      watch.leave();
      watch.view.fail('Stopped before the service had it.');
    }
  }

  /** Drops the connection of the running answer, to be resumed. */
  cut(): void {
    this.watch?.cut();
  }

  /** Takes this conversation off the page. Its jobs go on. */
  leave(): void {
    this.isLeft = true;
    this.watch?.leave();
    this.list.replaceChildren();
  }

  /** @returns true when the watch saw the job's end */
  private async run(watch: Watch, work: (watch: Watch) => Promise<boolean>): Promise<boolean> {
    this.watch = watch;
    this.observer.busy(true);
    let ended = false;
    try {
      ended = await work(watch);
    } catch (error) {
      this.failed(error, watch);
    }
    if (this.isLeft) return false;
    this.watch = null;
    this.observer.busy(false);
    return ended;
  }

  private failed(error: unknown, watch: Watch): void {
    const sentence = errorSentence(error);
    if (error instanceof MillraceError && error.code === 'UNAUTHENTICATED') this.observer.keyWanted();
    if (!(error instanceof MillraceError && error.retryable && watch.hasBegun)) {
      watch.view.fail(sentence);
      return;
    }
    const again = element('button', 'quiet', 'Watch again');
    again.type = 'button';
    again.addEventListener('click', () => {
      if (this.watch !== null) return;
      again.closest('.failure')?.remove();
      void this.run(watch, () => watch.resume());
    });
    watch.view.fail(sentence, again);
  }

  private show(turn: Turn): TurnView {
    const view = new TurnView(turn);
    this.list.append(view.root);
    return view;
  }

  private history(): Message[] {
    return this.turns.flatMap(({ turn, view }): Message[] => {
      if (turn.question === '' || view.text === '') return [];
      return [
        { role: 'user', content: turn.question },
        { role: 'assistant', content: view.text },
      ];
    });
  }

  /** The turns that lead to a request, oldest first. */
  private async chain(requestId: string): Promise<Turn[]> {
    const turns: Turn[] = [];
    let next: string | null = requestId;
    while (next !== null && turns.length < MAX_TURNS) {
      const turn = await this.look(next, turns.length === 0);
      if (turn === null) break;
      turns.unshift(turn);
      next = turn.previous;
    }
    return turns;
  }

  /** @returns null when an earlier turn is gone: the conversation is shown from where it is still known */
  private async look(id: string, isAskedFor: boolean): Promise<Turn | null> {
    try {
      return turnOf(await this.client.get(id));
    } catch {
      // for the request that was asked for, the watch meets the same trouble and says what it is
      return isAskedFor ? { id, question: '', previous: null } : null;
    }
  }
}
