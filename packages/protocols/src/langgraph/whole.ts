import { isTerminal, type StoredEvent } from '@millrace/contracts';
import type { AnswerCollector, WholeAnswer } from '../foreign/whole-answer.ts';
import { readEvent } from '../projection/read-event.ts';
import type { StreamedJob } from '../stream-format.ts';
import { RunProjection, runLocation } from './frames.ts';
import { wireOf } from './teller.ts';

/** Tells nothing, and knows what was said. */
const PROJECTION = new RunProjection({ modes: new Set(), subgraphs: false, keepsText: true });

/** The state that a run left its thread in, for clients that wait for it. One that failed or was cancelled is
 *  `{__error__}`, which makes them throw. */
export class RunCollector implements AnswerCollector {
  #state = PROJECTION.initial();
  #error: { readonly error: string; readonly message: string } | null = null;

  /** @param fallback the state, if the log of the job does not have it */
  constructor(
    readonly job: StreamedJob,
    readonly fallback: object | null = null,
  ) {}

  add(event: StoredEvent): void {
    const read = readEvent(event);
    this.#state = PROJECTION.step(this.#state, read, this).state;
    if (read.type === 'error') this.#error = { error: read.data.code, message: read.data.message };
    else if (isTerminal(read.type) && read.type !== 'done') {
      this.#error = { error: 'UserInterrupt', message: 'The run was cancelled.' };
    }
  }

  end(): WholeAnswer {
    const headers = { 'Content-Location': runLocation(this.job) };
    if (this.#error !== null) return { status: 200, headers, body: { __error__: this.#error } };
    const { values, interrupts } = this.#state;
    const asked = interrupts.length === 0 ? {} : { __interrupt__: interrupts };
    return { status: 200, headers, body: { ...(values ?? this.fallback ?? this.#said()), ...asked } };
  }

  #said(): object {
    const messages = [...this.#state.said.values()].filter(({ hasContent }) => hasContent);
    return { messages: messages.map(wireOf) };
  }
}
