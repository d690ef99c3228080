import type { JobEvent } from '../job-event.ts';

const ACCEPTED: JobEvent = { id: '0-1', type: 'accepted', data: { id: 'x', status: 'queued' } };

/** The log of a job that writes these deltas and completes. */
export function wholeLog(deltas: readonly string[]): JobEvent[] {
  return [
    ACCEPTED,
    { id: '1-1', type: 'started', data: { attempt: 1, model: 'sim:one' } },
    ...deltas.map((text, index): JobEvent => ({ id: `1-${index + 2}`, type: 'text', data: { text } })),
    {
      id: `1-${deltas.length + 2}`,
      type: 'done',
      data: {
        finishReason: 'stop',
        usage: { inputTokens: 3, outputTokens: deltas.length },
        timings: { queueMs: 1, firstTokenMs: 2, totalMs: 3 },
      },
    },
  ];
}

/** The log of a job whose first attempt wrote `voided` and was lost, and whose second wrote `deltas`. */
export function resetLog(voided: string, deltas: readonly string[]): JobEvent[] {
  return [
    ACCEPTED,
    { id: '1-1', type: 'started', data: { attempt: 1, model: 'sim:one' } },
    { id: '1-2', type: 'text', data: { text: voided } },
    { id: '2-1', type: 'reset', data: { attempt: 2, reason: 'worker-lost' } },
    { id: '2-2', type: 'started', data: { attempt: 2, model: 'sim:one' } },
    ...deltas.map((text, index): JobEvent => ({ id: `2-${index + 3}`, type: 'text', data: { text } })),
    {
      id: `2-${deltas.length + 3}`,
      type: 'done',
      data: {
        finishReason: 'stop',
        usage: { inputTokens: 3, outputTokens: deltas.length },
        timings: { queueMs: 1, firstTokenMs: 2, totalMs: 3 },
      },
    },
  ];
}

/** The logs of a thread's jobs, as its stream gives them. */
export function threadLog(jobs: Readonly<Record<string, readonly string[]>>): JobEvent[] {
  return Object.entries(jobs).flatMap(([jobId, deltas]) =>
    wholeLog(deltas).map((event) => ({ ...event, id: `${jobId}/${event.id}` })),
  );
}
