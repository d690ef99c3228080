import { byId, element } from './dom.ts';

const SUGGESTIONS = [
  'Why is the sky blue?',
  'Explain a water wheel to a ten-year-old.',
  'Write a short poem about a river that is never cut off.',
];

/** What a person can do at the foot of the page. */
export interface ComposerActions {
  ask(question: string): void;
  stop(): void;
  cut(): void;
}

/** The box at the foot of the page: the question, and the buttons for the answer that is being made. */
export class Composer {
  private readonly form = byId('composer', HTMLFormElement);
  private readonly prompt = byId('prompt', HTMLTextAreaElement);
  private readonly send = byId('send', HTMLButtonElement);
  private readonly stop = byId('stop', HTMLButtonElement);
  private readonly cut = byId('cut', HTMLButtonElement);
  private readonly keyRow = byId('key-row', HTMLElement);
  private readonly key = byId('api-key', HTMLInputElement);
  private busy = false;

  constructor(private readonly actions: ComposerActions) {
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.submit(this.prompt.value);
    });
    this.stop.addEventListener('click', () => actions.stop());
    this.cut.addEventListener('click', () => actions.cut());
    this.prompt.addEventListener('keydown', (event) => {
      // an Enter that ends the composition of a character is no "send"
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.form.requestSubmit();
    });
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && this.busy) actions.stop();
    });
    for (const suggestion of SUGGESTIONS) {
      const button = element('button', 'suggestion', suggestion);
      button.type = 'button';
      button.addEventListener('click', () => this.submit(suggestion));
      byId('suggestions', HTMLElement).append(element('li', '', button));
    }
  }

  /** The key that was typed in, if any. */
  get apiKey(): string {
    return this.key.value.trim();
  }

  setBusy(busy: boolean): void {
    const held = document.activeElement;
    this.busy = busy;
    this.send.hidden = busy;
    this.stop.hidden = !busy;
    this.cut.hidden = !busy;
    // a hidden button loses the focus to nowhere
    if (!busy && (held === this.stop || held === this.cut)) this.focus();
  }

  askForKey(apiKey: string): void {
    this.keyRow.hidden = false;
    this.key.value = apiKey;
    this.key.focus();
  }

  /** The key works, or none is wanted. */
  hideKey(): void {
    this.keyRow.hidden = true;
  }

  focus(): void {
    this.prompt.focus();
  }

  private submit(text: string): void {
    const question = text.trim();
    if (this.busy || question === '') return;
    this.prompt.value = '';
    this.actions.ask(question);
    this.focus();
  }
}
