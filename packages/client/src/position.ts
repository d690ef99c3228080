// `<attempt>-<seq>`, in the stream of a thread after the id of its job
const EVENT_ID = /^(?:(.+)\/)?(\d+)-(\d+)$/;

/** Whether an event comes after the last one that a reader has: a proxy or a server that repeats some must not double text. Ids
 *  of another form, and those of another job, count as later.
 *  @see PROTOCOL.md §1 */
export function isAfter(id: string, last: string): boolean {
  const [, job, attempt, seq] = EVENT_ID.exec(id) ?? [];
  const [, lastJob, lastAttempt, lastSeq] = EVENT_ID.exec(last) ?? [];
  if (attempt === undefined || lastAttempt === undefined || job !== lastJob) return true;
  // a reader's own reset, and what ends a job that is gone, stand in no log
  if (Number(attempt) === 0 && Number(seq) === 0) return true;
  return (Number(attempt) - Number(lastAttempt) || Number(seq) - Number(lastSeq)) > 0;
}
