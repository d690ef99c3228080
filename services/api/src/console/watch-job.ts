import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Readiness } from '../health/readiness.ts';
import type { NamedJob } from '../jobs/job-access.ts';
import { StreamQuota } from '../quota/stream-quota.ts';
import { StreamDeadlines } from '../relay/stream-deadlines.ts';
import { InspectJob, type JobInspection } from './inspect-job.ts';
import { LiveAnswer, sseFrame } from './live-answer.ts';
import { Timeline } from './timeline.ts';

/** How often to look, milliseconds. */
const LOOK_MS = 1_000;

/** Shows what happens to a job, live: an event `job` whenever something has changed, at most once a second, until it has
 *  ended. */
@Injectable()
export class WatchJob {
  constructor(
    @Inject(InspectJob) private readonly inspectJob: InspectJob,
    @Inject(StreamQuota) private readonly quota: StreamQuota,
    @Inject(StreamDeadlines) private readonly deadlines: StreamDeadlines,
    @Inject(Readiness) private readonly readiness: Readiness,
  ) {}

  /** @throws JobNotFound, AmbiguousId, TooManyStreams */
  async open(reply: FastifyReply, named: NamedJob): Promise<void> {
    const timeline = new Timeline();
    await this.quota.acquire(reply, named.caller);
    let shown = sseFrame('job', await this.inspectJob.run(named, timeline));
    if (reply.raw.destroyed) return;
    const { promise: gone, resolve: leave } = Promise.withResolvers<void>();
    const watcher = new LiveAnswer(reply, leave);
    const { drainSignal } = this.readiness;
    const drain = () => watcher.end();
    if (drainSignal.aborted) {
      // it began while the job was read, and will not be told of again
      watcher.end(shown);
      return;
    }
    drainSignal.addEventListener('abort', drain, { once: true });
    this.deadlines.add(watcher, named.caller.credential);
    watcher.send(shown);
    let isLooking = false;
    const timer = setInterval(async () => {
      // a Redis that hangs is asked once
      if (isLooking) return;
      isLooking = true;
      const look = await this.#look(named, timeline);
      isLooking = false;
      if (look === 'gone') watcher.end();
      if (typeof look === 'string') return;
      const frame = sseFrame('job', look);
      // Afterwards nothing but its readers can change. Its log was read after its end, or has expired; a slow reader may have
      // missed the last state.
      if (look.job.finishedAt !== null) watcher.end(frame);
      else if (!frame.equals(shown)) watcher.send(frame);
      shown = frame;
    }, LOOK_MS);
    // not awaited: the request is answered, and this ends with the connection
    void gone.then(() => {
      clearInterval(timer);
      drainSignal.removeEventListener('abort', drain);
      this.deadlines.remove(watcher);
    });
  }

  async #look(named: NamedJob, timeline: Timeline): Promise<JobInspection | 'gone' | 'unavailable'> {
    try {
      return await this.inspectJob.run(named, timeline);
    } catch (error) {
      return error instanceof Error && 'code' in error && error.code === 'JOB_NOT_FOUND' ? 'gone' : 'unavailable';
    }
  }
}
