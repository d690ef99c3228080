import { compareEventIds, type EventId, idOf, isTerminal, LOG_START, type StoredEvent } from '@millrace/contracts';
import {
  isFinished,
  JobNotFound,
  type JobOutline,
  type JobReader,
  LogExpired,
  logLost,
  type Subscribers,
} from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { Readiness } from '../health/readiness.ts';
import { JobAccess, type NamedJob } from '../jobs/job-access.ts';
import { TextQuota } from '../quota/text-quota.ts';
import { JOB_READER, SUBSCRIBERS } from '../tokens.ts';

export interface ReadLogCommand extends NamedJob {
  /** the last event that the reader has; `end`: the last one that there is */
  readonly after: EventId | 'end';
  /** how long to wait for an event, if there is none, milliseconds */
  readonly waitMs?: number;
  /** aborts when the client leaves */
  readonly gone?: AbortSignal;
}

/** A part of a job's log. */
export interface LogPart {
  /** oldest first; may be empty */
  readonly events: readonly StoredEvent[];
  /** where the part begins: the event before its first one */
  readonly after: EventId;
  /** the last event that the reader has with this part */
  readonly last: EventId;
  /** nothing followed when it was read */
  readonly isUpToDate: boolean;
  /** nothing will ever follow */
  readonly isClosed: boolean;
}

/** Reads a part of a job's log, or waits for its next event. */
@Injectable()
export class ReadLog {
  constructor(
    @Inject(JobAccess) private readonly access: JobAccess,
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(SUBSCRIBERS) private readonly subscribers: Subscribers,
    @Inject(TextQuota) private readonly quota: TextQuota,
    @Inject(Readiness) private readonly readiness: Readiness,
  ) {}

  /** @throws JobNotFound, AmbiguousId, LogExpired */
  async run(command: ReadLogCommand): Promise<LogPart> {
    const { caller, waitMs = 0, gone } = command;
    const job = await this.access.get(command);
    const after = command.after === 'end' ? job.lastEventId : command.after;
    const part = await this.#read(job, after, caller.tenant);
    if (waitMs === 0 || part.isClosed || part.events.length > 0) return part;
    await this.#untilEvent(job, after, { waitMs, gone });
    return this.#read(job, after, caller.tenant);
  }

  async #read({ ref }: JobOutline, after: EventId, tenant: string): Promise<LogPart> {
    const { events, full } = await this.quota.readPage(tenant, () => this.reader.page(ref, after));
    const newest = events.at(-1);
    if (newest !== undefined) {
      return { events, after, last: newest.id, isUpToDate: !full, isClosed: isTerminal(newest.type) };
    }
    const head = await this.reader.head(ref);
    if (head === null) throw new JobNotFound(idOf(ref));
    const { finished, logExists, lastEventId } = head;
    if (finished && !logExists) throw new LogExpired(idOf(ref));
    const order = compareEventIds(after, lastEventId);
    // as in a stream: a cursor from beyond the end gets a `reset`, and then all there is
    if (order > 0) return { events: logLost().events, after, last: LOG_START, isUpToDate: false, isClosed: false };
    // an event may have come in between: then this is not its end
    return { events: [], after, last: after, isUpToDate: order === 0, isClosed: finished && order === 0 };
  }

  async #untilEvent(
    job: JobOutline,
    after: EventId,
    { waitMs, gone }: { readonly waitMs: number; readonly gone: AbortSignal | undefined },
  ): Promise<void> {
    const over = Promise.withResolvers<void>();
    const stop = () => over.resolve();
    const timer = setTimeout(stop, waitMs);
    const signals = [this.readiness.drainSignal, ...(gone === undefined ? [] : [gone])];
    const signal = AbortSignal.any(signals);
    const sink = {
      batch: () => {
        stop();
        return false;
      },
      end: stop,
    };
    try {
      signal.addEventListener('abort', stop);
      if (signal.aborted) return;
      const subscription = await this.subscribers.follow(job, { after, sink });
      if (!subscription.alreadyEnded && !signal.aborted) await over.promise;
      subscription.close();
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
  }

  /** Where a job's log ends. @throws JobNotFound, AmbiguousId, LogExpired */
  async end(named: NamedJob): Promise<Pick<LogPart, 'last' | 'isClosed'>> {
    return this.endOf(await this.access.get(named));
  }

  /** Where the log of a job ends that was just read. @throws LogExpired */
  async endOf({ ref, status, lastEventId }: JobOutline): Promise<Pick<LogPart, 'last' | 'isClosed'>> {
    const isClosed = isFinished(status);
    if (isClosed && !(await this.reader.logExists(ref))) throw new LogExpired(idOf(ref));
    return { last: lastEventId, isClosed };
  }
}
