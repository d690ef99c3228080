import { Readable } from 'node:stream';
import { type DeltaForm, deltaForm, partsOfDelta } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import { type AttemptPage, type JobReader, LogExpired } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Caller } from '../auth/caller.ts';
import type { JobSnapshot } from '../jobs/get-job.ts';
import { TextQuota } from '../quota/text-quota.ts';
import { JOB_READER, LOGGER } from '../tokens.ts';

interface AnswerOptions {
  readonly caller: Caller;
  readonly status?: number;
  /** whether the answer includes the text, which may be long */
  readonly withText?: boolean;
  /** whether a long text may be refused. Not after a change: a stored cancel must be answered */
  readonly refusable?: boolean;
}

const TEXT = deltaForm('text') as DeltaForm;

type Pages = AsyncGenerator<AttemptPage, void, undefined>;

/** Answers with a job as JSON. It never holds the whole text: it reads a page when the reader has taken the one before, and
 *  copies it from the log without parsing it. @see PROTOCOL.md §5 */
@Injectable()
export class JobAnswer {
  constructor(
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(TextQuota) private readonly quota: TextQuota,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @returns when the answer has begun
   *  @throws TooManyTexts only if the answer is `refusable` */
  async send(
    reply: FastifyReply,
    job: JobSnapshot,
    { caller, status = 200, withText = true, refusable = false }: AnswerOptions,
  ): Promise<void> {
    reply.code(status).type('application/json; charset=utf-8');
    if (!withText || reply.request.method === 'HEAD') {
      reply.send(job.view);
      return;
    }
    if (hasNoText(job)) {
      reply.send({ ...job.view, text: '' });
      return;
    }
    const pages = this.reader.attempt(job.record);
    const first = await this.#next(pages, caller);
    if (first === null || first.isLast) {
      const text = first === null ? 'null' : `"${textOf(first)}"`;
      reply.send(Buffer.from(`${headOf(job)}${text}}`));
      return;
    }
    if (refusable) await this.quota.acquireText(caller.tenant, reply.raw);
    reply.send(Readable.from(this.#body(job, first, pages, caller), { objectMode: false }));
  }

  async *#body(
    job: JobSnapshot,
    first: AttemptPage,
    pages: Pages,
    caller: Caller,
  ): AsyncGenerator<string, void, undefined> {
    yield `${headOf(job)}"${textOf(first)}`;
    try {
      for (let isLast = false; !isLast; ) {
        const page = await this.#next(pages, caller);
        if (page === null) throw new LogExpired(job.record.jobId);
        yield textOf(page);
        ({ isLast } = page);
      }
    } catch (error) {
      // the status is out: a broken body shows the client that the text is not whole
      this.logger.error({ requestId: job.record.jobId, tenant: job.record.tenant, err: error }, 'text broken off');
      throw error;
    }
    yield '"}';
  }

  /** @returns null if the log has expired */
  async #next(pages: Pages, { tenant }: Caller): Promise<AttemptPage | null> {
    try {
      const { value } = await this.quota.readPage(tenant, () => pages.next());
      return value ?? null;
    } catch (error) {
      if (error instanceof LogExpired) return null;
      throw error;
    }
  }
}

/** Whether no worker has started the job, so that its log has no text. */
function hasNoText({ record }: JobSnapshot): boolean {
  return record.status === 'queued' && record.attempt === 0;
}

/** The JSON of a job up to the value of `text`, its last member. */
function headOf({ view }: JobSnapshot): string {
  return `${JSON.stringify(view).slice(0, -1)},"text":`;
}

/** The text of a page, escaped for JSON, without quotes. */
function textOf({ events }: AttemptPage): string {
  return events.reduce(
    (text, event) => (event.type === 'text' ? text + partsOfDelta(TEXT, event.data).quoted : text),
    '',
  );
}
