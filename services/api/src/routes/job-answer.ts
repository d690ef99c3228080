import { Readable } from 'node:stream';
import { type DeltaForm, deltaForm, partsOfDelta } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import { type AttemptPage, type JobReader, LogExpired } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Caller } from '../auth/caller.ts';
import type { SeenJob } from '../jobs/get-job.ts';
import { TextQuota } from '../quota/text-quota.ts';
import { JOB_READER, LOGGER } from '../tokens.ts';

interface AnswerOptions {
  readonly caller: Caller;
  readonly status?: number;
  /** whether the answer has the text, which may be long */
  readonly withText?: boolean;
  /** nothing has been done but to look, so that this may be refused: a cancel that is stored must be answered */
  readonly refusable?: boolean;
}

const TEXT = deltaForm('text') as DeltaForm;

type Pages = AsyncGenerator<AttemptPage, void, undefined>;

/** Answers with a job as JSON. The text is never held whole: its pages are read when the reader has taken those before
 *  them, and copied from the log without being parsed. @see PROTOCOL.md §5 */
@Injectable()
export class JobAnswer {
  constructor(
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(TextQuota) private readonly quota: TextQuota,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @returns when the answer has begun
   *  @throws TooManyTexts only where it is `refusable` */
  async send(
    reply: FastifyReply,
    seen: SeenJob,
    { caller, status = 200, withText = true, refusable = false }: AnswerOptions,
  ): Promise<void> {
    reply.code(status).type('application/json; charset=utf-8');
    if (!withText || reply.request.method === 'HEAD') {
      reply.send(seen.view);
      return;
    }
    if (saidNothing(seen)) {
      reply.send({ ...seen.view, text: '' });
      return;
    }
    const pages = this.reader.attempt(seen.record);
    const first = await this.#next(pages, caller);
    if (first === null || first.isLast) {
      const text = first === null ? 'null' : `"${saidIn(first)}"`;
      reply.send(Buffer.from(`${headOf(seen)}${text}}`));
      return;
    }
    if (refusable) await this.quota.begin(caller.tenant, reply.raw);
    reply.send(Readable.from(this.#body(seen, first, pages, caller), { objectMode: false }));
  }

  async *#body(
    seen: SeenJob,
    first: AttemptPage,
    pages: Pages,
    caller: Caller,
  ): AsyncGenerator<string, void, undefined> {
    yield `${headOf(seen)}"${saidIn(first)}`;
    try {
      for (let isLast = false; !isLast; ) {
        const page = await this.#next(pages, caller);
        if (page === null) throw new LogExpired(seen.record.ref);
        yield saidIn(page);
        ({ isLast } = page);
      }
    } catch (error) {
      // the status is out: the body is broken off, so that half a text is not taken for a whole one
      this.logger.error({ requestId: seen.record.id, tenant: seen.record.tenant, err: error }, 'text broken off');
      throw error;
    }
    yield '"}';
  }

  /** @returns null when the log has expired */
  async #next(pages: Pages, { tenant }: Caller): Promise<AttemptPage | null> {
    try {
      const { value } = await this.quota.page(tenant, () => pages.next());
      return value ?? null;
    } catch (error) {
      if (error instanceof LogExpired) return null;
      throw error;
    }
  }
}

/** Whether no worker has had the job: its log need not be read. */
function saidNothing({ record }: SeenJob): boolean {
  return record.status === 'queued' && record.attempt === 0;
}

/** The JSON of a job up to the value of `text`, its last member. */
function headOf({ view }: SeenJob): string {
  return `${JSON.stringify(view).slice(0, -1)},"text":`;
}

/** The text of a page as it stands between the quotes of JSON. */
function saidIn({ events }: AttemptPage): string {
  return events.reduce(
    (text, event) => (event.type === 'text' ? text + partsOfDelta(TEXT, event.data).quoted : text),
    '',
  );
}
