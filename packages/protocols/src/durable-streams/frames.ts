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

interface EncodedBatch extends EncodableBatch {
  [ENCODED]?: Map<string, Encoded>;
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
  readonly heartbeat = Buffer.from(': hb\n');
  readonly retry = () => null;
  readonly #cursor: string;

  constructor({ cursor, upToDateAt }: DurableStreamOptions) {
    this.#cursor = cursor;
    this.opening = upToDateAt === null ? null : Buffer.from(controlFrame(upToDateAt, { cursor, upToDate: true }));
  }

  encode(batch: EncodedBatch): Encoded {
    batch[ENCODED] ??= new Map();
    let encoded = batch[ENCODED].get(this.#cursor);
    if (encoded === undefined) {
      encoded = encodeBatch(batch, this.#cursor);
      batch[ENCODED].set(this.#cursor, encoded);
    }
    return encoded;
  }
}

function encodeBatch({ events, replay }: EncodableBatch, cursor: string): Encoded {
  const last = events.at(-1);
  if (last === undefined) return { bytes: null, outcome: 'continue' };
  const closed = isTerminal(last.type);
  const control = closed ? closedFrame(last.id) : controlFrame(last.id, { cursor, upToDate: !replay });
  return {
    bytes: Buffer.from(`event: data\ndata:${itemsJson(events)}\n\n${control}`),
    outcome: closed ? 'end' : 'continue',
  };
}

function controlFrame(at: EventId, { cursor, upToDate }: { cursor: string; upToDate: boolean }): string {
  const control = { streamNextOffset: offsetAfter(at), streamCursor: cursor, ...(upToDate ? { upToDate } : {}) };
  return `event: control\ndata:${JSON.stringify(control)}\n\n`;
}

/** The last frame of a stream whose job has ended.
 *  @param last the terminal event */
export function closedFrame(last: EventId): string {
  return `event: control\ndata:${JSON.stringify({ streamNextOffset: offsetAfter(last), streamClosed: true })}\n\n`;
}
