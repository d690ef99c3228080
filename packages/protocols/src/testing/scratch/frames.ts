import { isTerminal, LOG_START, type StoredEvent } from '@millrace/contracts';
import type { StreamEncoder, StreamedJob, StreamFormat } from '../../stream-format.ts';

/** A test-only protocol, unlike the two real ones in every respect: it counts its frames, it cannot take text back and
 *  reports that with its own error, and its clients take a clean end for success.
 *
 *  A frame is a line `<number> <word> <JSON>`, one for each stored event. */
export const scratchFormat: StreamFormat = {
  contentType: 'text/x-scratch',
  headers: () => ({}),
  positionOf: (cursor) => (/^(0|[1-9]\d{0,9})$/.test(cursor) ? { after: LOG_START, skip: Number(cursor) } : null),
  connect: (job, from) => new ScratchConnection(job, from?.skip ?? 0),
};

class ScratchConnection implements StreamEncoder {
  readonly canReset = false;
  readonly cleanEndMeansSuccess = true;
  readonly cursor = 'frame';
  readonly begins = 'log';
  readonly opening = null;
  readonly heartbeat = null;
  readonly retry = () => null;
  #frames = 0;

  constructor(
    private readonly job: StreamedJob,
    private readonly skip: number,
  ) {}

  encode({ events }: { readonly events: readonly StoredEvent[] }) {
    let lines = '';
    let isOver = false;
    for (const event of events) {
      this.#frames += 1;
      if (this.#frames > this.skip) lines += `${this.#frames} ${this.#words(event)}\n`;
      isOver = event.type === 'reset' || isTerminal(event.type);
      if (isOver) break;
    }
    return {
      bytes: lines === '' ? null : Buffer.from(lines),
      outcome: isOver ? ('end' as const) : ('continue' as const),
    };
  }

  #words({ type, data }: StoredEvent): string {
    if (type === 'text') return `say ${data}`;
    if (type === 'accepted') return `hello ${JSON.stringify(this.job)}`;
    if (type === 'done') return 'bye {}';
    return type === 'reset' || isTerminal(type) ? `fail ${data}` : 'skip {}';
  }
}
