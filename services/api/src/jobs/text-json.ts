import { type DeltaForm, deltaForm, partsOfDelta, type StoredEvent } from '@millrace/contracts';

const TEXT = deltaForm('text') as DeltaForm;

/** Writes the text of a job as a JSON string, page by page, copied from the log without parsing. @see PROTOCOL.md §5 */
export class TextJson {
  #isBegun = false;

  /** @returns the JSON that can be written now */
  add(events: readonly StoredEvent[]): string {
    const begin = this.#isBegun ? '' : '"';
    this.#isBegun = true;
    return events.reduce(
      (json, { type, data }) => (type === 'text' ? json + partsOfDelta(TEXT, data).quoted : json),
      begin,
    );
  }

  /** @returns the rest of the JSON */
  end(): string {
    return this.#isBegun ? '"' : '""';
  }
}
