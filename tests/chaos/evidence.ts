import { jobRef } from '@millrace/contracts';
import { KeySpace } from '@millrace/stream-log';
import type { SseEvent } from '@millrace/testing';
import type { JobRun } from './job-run.ts';
import type { Stage } from './stage.ts';
import type { Testimony } from './testimony.ts';

/** Everything known about each job, with its log from Redis itself: what the API returns is being judged. */
export async function evidenceOf(stage: Stage, jobs: readonly JobRun[]): Promise<Testimony[]> {
  const keys = new KeySpace(stage.system.env['MILLRACE_KEY_PREFIX'] ?? '');
  return Promise.all(
    jobs.map(async ({ plan, id, asks, seen, read, isErased }): Promise<Testimony> => {
      const known = { plan, id, asks, seen, read, isErased };
      if (id === null) return { ...known, log: [], startedAt: null, finishedAt: null };
      const ref = jobRef(plan.tenant, id);
      const log = (await stage.redis.xrange(keys.log(ref), '-', '+')).map(eventOf);
      const [startedAt, finishedAt] = await stage.redis.hmget(keys.record(ref), 'startedAt', 'finishedAt');
      return { ...known, log, startedAt: timeOf(startedAt), finishedAt: timeOf(finishedAt) };
    }),
  );
}

/** An entry of the log in the form of the wire; the time when it was stored is unknown. */
function eventOf([id, [type = '', data = 'null']]: [id: string, fields: string[]]): SseEvent {
  return { id, event: type === 'text' ? 'message' : type, data: JSON.parse(data), at: 0 };
}

function timeOf(field: string | null | undefined): number | null {
  return field === null || field === undefined || field === '' ? null : Number(field);
}
