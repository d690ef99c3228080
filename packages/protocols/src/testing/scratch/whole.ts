import type { StoredEvent } from '@millrace/contracts';
import type { AnswerCollector, WholeAnswer } from '../../foreign/whole-answer.ts';
import type { StreamedJob } from '../../stream-format.ts';

/** The answer of the scratch protocol to a client that does not stream. */
export class ScratchCollector implements AnswerCollector {
  #text = '';
  #end = '';

  constructor(private readonly job: StreamedJob) {}

  add({ type, data }: StoredEvent): void {
    if (type === 'text') this.#text += (JSON.parse(data) as { text: string }).text;
    this.#end = type;
  }

  end(): WholeAnswer {
    const body = { id: this.job.id, text: this.#text, end: this.#end };
    return { status: this.#end === 'done' ? 200 : 500, body };
  }
}
