import type { SseEvent } from '../http/read-sse.ts';
import { compareIds, endsAmong, LOG_LOST } from '../http/sse-history.ts';
import { judgeReader, type Seen } from './judge-reader.ts';
import type { Offence } from './offence.ts';

/** What one reader of a thread's stream has seen, over all its connections. Event ids are `<job>/<event id>`. */
export interface Followed extends Seen {
  /** where the stream began, as the server said when the reader first came; null: it never got an answer */
  readonly begins: string | null;
}

/** A job of a thread. */
export interface ThreadJob {
  readonly id: string;
  /** at the end of the test */
  readonly log: readonly SseEvent[];
}

/** The place before the first job of a thread. @see PROTOCOL.md §10 */
const BEFORE_ALL = '0/0-0';

/** The events of one job, one after the other, without the job in their ids. */
interface Run {
  readonly jobId: string;
  readonly events: SseEvent[];
}

/** Judges what one reader of a thread's stream has seen: from where it began every job, each whole, in the order of the turns,
 *  without gap or repeat.
 *  @param jobs of the thread, in the order of their turns */
export function judgeFollower(
  { name, events, begins, left = false, refusals = [] }: Followed,
  jobs: readonly ThreadJob[],
): Offence[] {
  const offences = judgeReader({ name, events: [], refusals, left: true }, []);
  if (begins === null) return left ? offences : [...offences, { defect: 'hung', what: `${name}: no answer` }];
  const ids = jobs.map(({ id }) => id);
  let due = dueAfter(begins, ids);
  const runs = runsIn(events);
  for (const [place, { jobId, events: given }] of runs.entries()) {
    const at = ids.indexOf(jobId);
    const job = jobs[at];
    if (job === undefined) {
      offences.push({ defect: 'zombie', what: `${name}: ${jobId} has had no turn` });
      continue;
    }
    if (at < due) offences.push({ defect: 'repeated', what: `${name}: ${jobId} again, or before its turn` });
    if (at > due) {
      offences.push({ defect: 'lost', what: `${name}: ${ids.slice(due, at).join(', ')} missing before ${jobId}` });
    }
    const isLast = place === runs.length - 1;
    offences.push(...judgeReader({ name: `${name}, ${jobId}`, events: given, left: isLast && left }, job.log));
    due = Math.max(due, at + 1);
  }
  const next = ids[due];
  if (!left && next !== undefined) offences.push({ defect: 'hung', what: `${name}: nothing of ${next}` });
  return offences;
}

/** Judges a reader of a thread that was deleted, with nothing left to compare with: each job once, its events in order, one end,
 *  and the end of each before the next one. Of the jobs that go with the thread a reader may be told that they are lost. */
export function judgeFollowerOfDeleted({ name, events }: Pick<Followed, 'name' | 'events'>): Offence[] {
  const offences: Offence[] = [];
  const known = new Set<string>();
  const runs = runsIn(events);
  for (const [place, { jobId, events: given }] of runs.entries()) {
    if (given.some(({ id }) => id === LOG_LOST)) return offences; // what follows is what is left of it
    if (known.has(jobId)) offences.push({ defect: 'repeated', what: `${name}: ${jobId} again` });
    known.add(jobId);
    const ends = endsAmong(given);
    if (ends.length > 1 || (ends.length === 1 && ends[0] !== given.at(-1))) {
      offences.push({ defect: 'double-ended', what: `${name}, ${jobId}: ${given.at(-1)?.id} after an end` });
    }
    if (ends.length === 0 && place < runs.length - 1) {
      offences.push({ defect: 'lost', what: `${name}: the end of ${jobId} is missing` });
    }
    for (const [index, { id = '' }] of given.entries()) {
      const before = given[index - 1]?.id ?? '0-0';
      if (compareIds(before, id) >= 0)
        offences.push({ defect: 'repeated', what: `${name}, ${jobId}: ${id} after ${before}` });
    }
  }
  return offences;
}

/** @returns the place of the first job that is to be given */
function dueAfter(begins: string, ids: readonly string[]): number {
  if (begins === BEFORE_ALL) return 0;
  const [jobId = '', after] = begins.split('/');
  // either before a job, or after all of one that had ended
  return ids.indexOf(jobId) + (after === '0-0' ? 0 : 1);
}

function runsIn(events: readonly SseEvent[]): Run[] {
  const runs: Run[] = [];
  for (const event of events) {
    const [jobId = '', id] = (event.id ?? '').split('/');
    if (runs.at(-1)?.jobId !== jobId) runs.push({ jobId, events: [] });
    runs.at(-1)?.events.push({ ...event, id });
  }
  return runs;
}
