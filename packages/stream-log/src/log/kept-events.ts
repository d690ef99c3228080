import { eventId, eventPosition, isPipelineEventType, type JobRef, type StreamEvent } from '@millrace/contracts';
import { LogExpired, LogLost } from '../errors.ts';
import type { JobReader } from './job-reader.ts';

/** The beginning of an attempt's log. */
export interface LogPrefix {
  readonly ref: JobRef;
  readonly attempt: number;
  /** of its last event; 0: it is empty */
  readonly seq: number;
}

/** Reads what the pipeline of an attempt has said in the beginning of its log, page by page.
 *  @throws LogLost an event is missing; possibly midway */
export async function* keptEvents(
  reader: Pick<JobReader, 'attempt'>,
  { ref, attempt, seq }: LogPrefix,
): AsyncGenerator<readonly StreamEvent[], void, undefined> {
  let next = 1;
  if (seq < next) return;
  try {
    for await (const { events } of reader.attempt({ ref, attempt, lastEventId: eventId(attempt, seq) })) {
      for (const { id } of events) {
        const position = eventPosition(id);
        if (position.attempt !== attempt || position.seq !== next) throw new LogLost(ref);
        next += 1;
      }
      yield events.flatMap(({ type, data }) =>
        isPipelineEventType(type) ? [{ type, data: JSON.parse(data) } as StreamEvent] : [],
      );
    }
  } catch (error) {
    throw error instanceof LogExpired ? new LogLost(ref) : error;
  }
  if (next <= seq) throw new LogLost(ref);
}
