import { PipelineError, type PipelineEvent } from '../../definition/pipeline.ts';

/** Events that may wait, beside texts that are merged. A graph that gets this far ahead of its log is stopped. */
const MAX_WAITING = 100_000;

/** Carries events from the callbacks of a running graph, which nothing can hold up, to a generator that is read at the pace of the
 *  log. What waits is merged where it continues a text. */
export class EventQueue {
  #waiting: PipelineEvent[] = [];
  #ended = false;
  #error: unknown;
  #wake: (() => void) | null = null;

  push(event: PipelineEvent): void {
    if (this.#ended) return;
    const last = this.#waiting.at(-1);
    if (last !== undefined && continues(last, event)) {
      const text = (last as Text).data.text + event.data.text;
      this.#waiting[this.#waiting.length - 1] = { ...event, data: { ...event.data, text } } as Text;
      return;
    }
    this.#waiting.push(event);
    if (this.#waiting.length > MAX_WAITING) {
      this.fail(new PipelineError('AGENT_ERROR', 'The agent says more than its log can store.'));
    }
    this.#rouse();
  }

  /** Nothing follows. */
  end(): void {
    this.#ended = true;
    this.#rouse();
  }

  /** Nothing follows but an error, which is thrown once what waits has been read. */
  fail(error: unknown): void {
    if (this.#ended) return;
    this.#error = error;
    this.end();
  }

  /** Yields until the end.
   *  @throws what {@link fail} was given */
  async *events(): AsyncGenerator<PipelineEvent, void, void> {
    for (;;) {
      if (this.#waiting.length > 0) {
        const events = this.#waiting;
        this.#waiting = [];
        yield* events;
      } else if (this.#ended) {
        if (this.#error !== undefined) throw this.#error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  #rouse(): void {
    this.#wake?.();
    this.#wake = null;
  }
}

type Text = Extract<PipelineEvent, { readonly type: 'text' | 'reasoning' }>;

function continues(last: PipelineEvent, event: PipelineEvent): event is Text {
  return (
    (event.type === 'text' || event.type === 'reasoning') &&
    last.type === event.type &&
    (last.data as Text['data']).messageId === event.data.messageId
  );
}
