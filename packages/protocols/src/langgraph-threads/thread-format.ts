import { ProjectionFormat } from '../projection/projection-format.ts';
import type { EncodableBatch, Encoded, StreamEncoder, StreamedJob } from '../stream-format.ts';
import type { ThreadEncoder } from '../thread-format.ts';
import { EventFilter, type EventSelection } from './event-filter.ts';
import { EVENTS_PER_TURN, ThreadProjection } from './projection.ts';
import type { ThreadRun } from './run.ts';

/** Selections whose frames are shared: clients have few, and a stranger's must not pile up. */
const MAX_SHARED = 64;
const NOTHING: Encoded = { bytes: null, outcome: 'continue' };
const HEARTBEAT = Buffer.from(': hb\n');

/** Where a reader of a thread's events continues. */
export interface SeqPosition {
  /** 0: before the first */
  readonly turn: number;
  /** how many events of that turn it has */
  readonly known: number;
}

/** The place after an event.
 *  @param seq its number; 0: before all events */
export function positionAfter(seq: number): SeqPosition {
  return { turn: Math.floor(seq / EVENTS_PER_TURN), known: seq % EVENTS_PER_TURN };
}

/** Server-sent events of LangGraph's thread protocol: those of the jobs of a thread, one job after the other. They are numbered
 *  through the whole thread by `seq`, the same on every node and every replay, whatever is selected.
 *  @see docs/protocols.md */
export class LangGraphThreadFormat {
  readonly contentType = 'text/event-stream';
  /** by key, the one used last at the end */
  readonly #formats = new Map<string, ProjectionFormat<ThreadRun>>();

  /** @param from what the reader has already; null: nothing
   *  @returns the encoder of one connection that follows a thread */
  follow(selection: EventSelection, from: SeqPosition | null): ThreadEncoder {
    return new LangGraphThreadEncoder(this.#formatOf(new EventFilter(selection)), from);
  }

  /** Watchers that select the same share their frames. */
  #formatOf(filter: EventFilter): ProjectionFormat<ThreadRun> {
    const { key } = filter;
    const format = this.#formats.get(key) ?? new ProjectionFormat(new ThreadProjection(filter), { cursor: 'frame' });
    this.#formats.delete(key);
    this.#formats.set(key, format);
    const [oldest] = this.#formats.keys();
    if (this.#formats.size > MAX_SHARED && oldest !== undefined) this.#formats.delete(oldest);
    return format;
  }
}

/** Encodes the jobs of a thread, one after the other. The end of a job does not end the body. */
class LangGraphThreadEncoder implements ThreadEncoder {
  readonly canReset = false;
  readonly cleanEndMeansSuccess = false;
  readonly cursor = 'frame';
  readonly begins = 'log';
  readonly opening = null;
  readonly heartbeat = HEARTBEAT;
  #job: StreamEncoder | null = null;

  constructor(
    private readonly format: ProjectionFormat<ThreadRun>,
    private readonly from: SeqPosition | null,
  ) {}

  begin(job: StreamedJob): void {
    const known = job.turn === this.from?.turn ? this.from?.known : 0;
    this.#job = this.format.connect(job, this.format.positionOf(String(known)) ?? undefined);
  }

  /** Whoever asks for a job that is gone gets what there is. */
  beginLost(): void {
    this.#job = null;
  }

  encode(batch: EncodableBatch): Encoded {
    const encoded = this.#job?.encode(batch) ?? NOTHING;
    return encoded.outcome === 'continue' ? encoded : { bytes: encoded.bytes, outcome: 'continue' };
  }

  retry(): null {
    return null;
  }
}
