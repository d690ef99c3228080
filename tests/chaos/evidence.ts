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
    jobs.map(async ({ plan, id, asks, seen, read }) => {
      const log =
        id === null ? [] : (await stage.redis.xrange(keys.log(jobRef(plan.tenant, id)), '-', '+')).map(eventOf);
      return { plan, id, asks, seen, read, log };
    }),
  );
}

/** An entry of the log in the form of the wire; the time when it was stored is unknown. */
function eventOf([id, [type = '', data = 'null']]: [id: string, fields: string[]]): SseEvent {
  return { id, event: type === 'text' ? 'message' : type, data: JSON.parse(data), at: 0 };
}
