import { type EventId, isTerminal } from '@millrace/contracts';
import type {
  EncodableBatch,
  Encoded,
  LogPosition,
  StreamEncoder,
  StreamedJob,
  StreamFormat,
} from '../stream-format.ts';
import { itemsJson } from './items.ts';
import { eventBefore, offsetAfter } from './offset.ts';

/** Cached on the batch itself, as in `NativeFormat`: by cursor, since readers who came at different times have different ones. */
const ENCODED = Symbol('as durable stream');

const HEARTBEAT = Buffer.from(': hb\n');
/** a frame `control` before its offset */
const CONTROL = 'event: control\ndata:{"streamNextOffset":"';
const CLOSED = '","streamClosed":true}\n\n';

interface MadeFor {
  readonly cursor: string;
  readonly encoded: Encoded;
  readonly next: MadeFor | undefined;
}

interface EncodedBatch extends EncodableBatch {
  [ENCODED]?: MadeFor | undefined;
}

export interface DurableStreamOptions {
  /** what clients and caches between send back, decimal digits */
  readonly cursor: string;
  /** the last event that there is, if the reader has it already: nothing follows at once */
  readonly upToDateAt: EventId | null;
}

/** The live mode `sse` of the Durable Streams protocol, read side: each batch of events is a frame `data`, followed by a
 *  frame `control` that says where the reader is.
 *  @see https://github.com/durable-streams/durable-streams/blob/main/PROTOCOL.md */
export class DurableStreamFormat implements StreamFormat {
  readonly contentType = 'text/event-stream';

  constructor(private readonly options: DurableStreamOptions) {}

  headers(): Readonly<Record<string, string>> {
    return {};
  }

  positionOf(offset: string): LogPosition | null {
    const after = eventBefore(offset);
    return after === null ? null : { after, skip: 0 };
  }

  connect(_job?: StreamedJob): StreamEncoder {
    return new DurableStreamEncoder(this.options);
  }
}

class DurableStreamEncoder implements StreamEncoder {
  readonly canReset = true;
  readonly cleanEndMeansSuccess = false;
  readonly cursor = 'event';
  readonly begins = 'log';
  readonly opening: Buffer | null;
  readonly heartbeat = HEARTBEAT;
  readonly retry = () => null;
  readonly #cursor: string;
  /** what stands behind the offset in a frame `control`: of a reader who has all there is, and of another */
  readonly #upToDate: string;
  readonly #behind: string;

  constructor({ cursor, upToDateAt }: DurableStreamOptions) {
    this.#cursor = cursor;
    const head = `","streamCursor":${JSON.stringify(cursor)}`;
    this.#upToDate = `${head},"upToDate":true}\n\n`;
    this.#behind = `${head}}\n\n`;
    this.opening = upToDateAt === null ? null : Buffer.from(`${CONTROL}${offsetAfter(upToDateAt)}${this.#upToDate}`);
  }

  encode(batch: EncodedBatch): Encoded {
    for (let made = batch[ENCODED]; made !== undefined; made = made.next) {
      if (made.cursor === this.#cursor) return made.encoded;
    }
    const encoded = this.#encode(batch);
    batch[ENCODED] = { cursor: this.#cursor, encoded, next: batch[ENCODED] };
    return encoded;
  }

  #encode({ events, replay }: EncodableBatch): Encoded {
    const last = events.at(-1);
    if (last === undefined) return { bytes: null, outcome: 'continue' };
    const closed = isTerminal(last.type);
    const place = replay ? this.#behind : this.#upToDate;
    const tail = closed ? CLOSED : place;
    return {
      bytes: Buffer.from(`event: data\ndata:${itemsJson(events)}\n\n${CONTROL}${offsetAfter(last.id)}${tail}`),
      outcome: closed ? 'end' : 'continue',
    };
  }
}

/** The last frame of a stream whose job has ended.
 *  @param last the terminal event */
export function closedFrame(last: EventId): string {
  return `${CONTROL}${offsetAfter(last)}${CLOSED}`;
}
