import type { JobEvent } from '@millrace/client';
import { element } from './dom.ts';
import type { Exchange } from './exchange-metadata.ts';
import { summaryView } from './summary-view.ts';
import { cancelledSentence, failureSentence, resetSentence } from './wording.ts';

/** Where an exchange stands; the style follows it. */
export type ExchangeState = 'waiting' | 'streaming' | 'cut' | 'ended';

/** One question and its answer on the page. */
export class ExchangeView {
  readonly root = element('li', 'exchange');
  private readonly status = element('p', 'status');
  private readonly reasoning = element('details', 'reasoning', element('summary', '', 'Reasoning'));
  private readonly reasoningText = document.createTextNode('');
  private readonly tools = element('ul', 'tools');
  private readonly answer = element('div', 'answer');
  private readonly answerText = document.createTextNode('');
  private readonly notes = element('ul', 'notes');
  private readonly request: HTMLElement;

  constructor({ id, question }: Exchange) {
    this.reasoning.append(this.reasoningText);
    this.reasoning.hidden = true;
    this.answer.append(this.answerText);
    this.request = element('p', 'request-id', 'Request ', element('code', '', id));
    this.root.append(
      element('p', question === '' ? 'question unknown' : 'question', question || 'A question asked elsewhere'),
      this.reasoning,
      this.tools,
      this.answer,
      this.status,
      this.notes,
      this.request,
    );
    this.enter('waiting', 'Asking…');
  }

  /** The answer so far. */
  get text(): string {
    return this.answerText.data;
  }

  /** The answer, and how it ended where that is not a matter of course: what is read out. */
  get spoken(): string {
    return `${this.text} ${this.status.textContent}`.trim();
  }

  enter(state: ExchangeState, status: string): void {
    this.root.dataset['state'] = state;
    this.status.textContent = status;
    // assistive technology reads the answer when it is whole, not token by token
    this.answer.ariaBusy = String(state !== 'ended');
  }

  /** A line below the answer about what happened to the stream. */
  note(text: string): void {
    this.notes.append(element('li', '', text));
  }

  /** Ends the exchange with what went wrong, and a way on if there is one. */
  fail(sentence: string, retry: HTMLElement | null = null): void {
    this.enter('ended', '');
    const failure = element('p', 'failure', sentence, ...(retry === null ? [] : [retry]));
    failure.role = 'alert';
    this.request.before(failure);
  }

  show(event: JobEvent): void {
    switch (event.type) {
      case 'accepted':
        this.enter('waiting', 'Waiting for a worker…');
        break;
      case 'started':
        this.enter('waiting', `${event.data.model} is thinking…`);
        break;
      case 'text':
        this.answerText.appendData(event.data.text);
        this.enter('streaming', '');
        break;
      case 'reasoning':
        this.reasoning.hidden = false;
        this.reasoningText.appendData(event.data.text);
        break;
      case 'tool_call':
        this.addTool(event.data.name, 'is called');
        break;
      case 'tool_result':
        this.addTool(event.data.name, event.data.isError ? 'failed' : 'answered');
        break;
      case 'reset':
        this.startAfresh(resetSentence(event.data));
        break;
      case 'done':
        this.enter('ended', '');
        this.request.before(summaryView(event.data));
        break;
      case 'error':
        this.fail(failureSentence(event.data.code, event.data.message));
        break;
      case 'cancelled':
        this.enter('ended', cancelledSentence(event.data.by));
        break;
    }
  }

  private addTool(name: string, what: string): void {
    this.tools.append(element('li', '', element('code', '', name), ` ${what}`));
  }

  private startAfresh(why: string): void {
    this.answerText.data = '';
    this.reasoningText.data = '';
    this.reasoning.hidden = true;
    this.tools.replaceChildren();
    this.note(why);
    this.enter('waiting', 'Starting afresh…');
  }
}
