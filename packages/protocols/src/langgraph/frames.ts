import { LOG_START } from '@millrace/contracts';
import type { Projection, Step, StepContext } from '../projection/projection.ts';
import { ProjectionFormat } from '../projection/projection-format.ts';
import type { ReadEvent } from '../projection/read-event.ts';
import type { LogPosition, StreamedJob, StreamFormat } from '../stream-format.ts';
import { RUN_MODES, type RunMode, type RunStream } from './modes.ts';
import { EMPTY_RUN, type RunState } from './run-state.ts';
import { Teller } from './teller.ts';

/** The cursor of a reader who was told that the answer is void: nothing comes after it. */
const VOID = 'void';
const NEW_BEGINNING = 'A worker was lost, and the answer began anew: run it again.';

/** The events of a run. Its clients take nothing back; a frame with an `id` ends what one stored event says, so what is cut
 *  off before it is said again.
 *  @see https://reference.langchain.com/javascript/langchain-langgraph-sdk */
export class RunProjection implements Projection<RunState> {
  readonly contentType = 'text/event-stream';
  /** what a client asks for when it comes back, relative to its `apiUrl` */
  readonly #query: string;

  constructor(readonly stream: RunStream) {
    const modes = [...stream.modes].map((mode) => `stream_mode=${mode}`);
    this.#query = [...modes, ...(stream.subgraphs ? ['stream_subgraphs=true'] : [])].join('&');
  }

  headers(job: StreamedJob): Readonly<Record<string, string>> {
    const { id, threadId } = job;
    const reconnects = `/threads/${threadId ?? id}/runs/${id}/stream`;
    return { Location: `${reconnects}?${this.#query}`, 'Content-Location': runLocation(job) };
  }

  initial(): RunState {
    return EMPTY_RUN;
  }

  step(state: RunState, event: ReadEvent, { job }: Pick<StepContext, 'job'>): Step<RunState> {
    const { type, id } = event;
    if (type === 'text' && !state.keepsText) {
      // the hot path: copied, not written anew
      const open = state.openMessage(event.data.messageId);
      if (open !== undefined) {
        if (event.quoted === '' || !open.isTold) return { state, frames: [] };
        return { state, frames: [`id: ${id}\n${open.head}${event.quoted}${open.tail}`] };
      }
    }
    const teller = new Teller(this.stream, state, job);
    teller.tell(event);
    return { state: teller.state, frames: named(teller.frames, id) };
  }

  diverged(): readonly string[] {
    return [`id: ${VOID}\nevent: error\ndata: ${JSON.stringify({ error: 'WORKER_LOST', message: NEW_BEGINNING })}\n\n`];
  }
}

/** Where a run is, as the client reads it: without a thread, if it has none. */
export function runLocation({ id, threadId }: Pick<StreamedJob, 'id' | 'threadId'>): string {
  return threadId === null ? `/runs/${id}` : `/threads/${threadId}/runs/${id}`;
}

/** The last frame of an event has its id. */
function named(frames: readonly string[], id: string): readonly string[] {
  const last = frames.at(-1);
  return last === undefined ? frames : [...frames.slice(0, -1), `id: ${id}\n${last}`];
}

class RunFormat extends ProjectionFormat<RunState> {
  override positionOf(cursor: string): LogPosition | null {
    if (cursor === VOID) return { after: LOG_START, skip: Number.MAX_SAFE_INTEGER };
    return super.positionOf(cursor);
  }
}

const FORMATS = new Map<string, RunFormat>();

/** @returns the format of a stream: the same one for the same modes */
export function langGraphFormat({ modes, subgraphs }: RunStream): StreamFormat {
  const all = RUN_MODES.filter((mode) => modes.has(mode));
  const key = `${all.join()} ${subgraphs}`;
  const known = FORMATS.get(key);
  if (known !== undefined) return known;
  const projection = new RunProjection({ modes: new Set<RunMode>(all), subgraphs });
  const format = new RunFormat(projection, { cursor: 'event' });
  FORMATS.set(key, format);
  return format;
}
