import { Readable } from 'node:stream';
import type { StoredEvent } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import { type AttemptPage, type JobReader, LogExpired, MessagesJson } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Caller } from '../auth/caller.ts';
import type { JobSnapshot } from '../jobs/get-job.ts';
import { TextJson } from '../jobs/text-json.ts';
import { TextQuota } from '../quota/text-quota.ts';
import { JOB_READER, LOGGER } from '../tokens.ts';
import { COSTLY_FIELDS, type CostlyField } from './queries.ts';

interface AnswerOptions {
  readonly caller: Caller;
  readonly status?: number;
  /** the fields to include that may be long; the text unless told */
  readonly include?: readonly CostlyField[];
  /** what happens to a long answer where the tenant reads too many: `refuse` it; `leave-out` what is long, after a change that may
   *  be repeated; `write` it all the same, after one that may not (the default) */
  readonly whenFull?: 'refuse' | 'leave-out' | 'write';
}

/** Writes the value of a field, page by page. */
interface FieldJson {
  add(events: readonly StoredEvent[]): string;
  end(): string;
}

const FIELDS: Readonly<Record<CostlyField, () => FieldJson>> = {
  text: () => new TextJson(),
  messages: () => new MessagesJson(),
};

interface Source {
  readonly first: AttemptPage;
  readonly pages: Pages;
  readonly caller: Caller;
}

type Pages = AsyncGenerator<AttemptPage, void, undefined>;

/** Answers with a job as JSON. It never holds a whole text: it reads a page when the reader has taken the one before, and
 *  copies text from the log without parsing it. @see PROTOCOL.md §5 */
@Injectable()
export class JobAnswer {
  constructor(
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(TextQuota) private readonly quota: TextQuota,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @returns when the answer has begun
   *  @throws TooManyTexts only if the answer may be refused */
  async send(
    reply: FastifyReply,
    job: JobSnapshot,
    { caller, status = 200, include = ['text'], whenFull = 'write' }: AnswerOptions,
  ): Promise<void> {
    reply.code(status).type('application/json; charset=utf-8');
    const fields = COSTLY_FIELDS.filter((field) => include.includes(field));
    if (fields.length === 0) {
      reply.send(job.view);
      return;
    }
    if (hasSaidNothing(job)) {
      reply.send(Buffer.from(wholeJson(job, fields, [])));
      return;
    }
    if (reply.request.method === 'HEAD') {
      // a stream, because Fastify would add a Content-Length to anything else; only the log could tell the right one
      reply.send(Readable.from([]));
      return;
    }
    const pages = this.reader.attempt(job.record);
    const first = await this.#next(pages, caller);
    if (first === null || first.isLast) {
      reply.send(Buffer.from(wholeJson(job, fields, first?.events ?? null)));
      return;
    }
    if (whenFull === 'refuse') await this.quota.acquireText(caller.tenant, reply.raw);
    if (whenFull === 'leave-out' && !this.quota.tryAcquireText(caller.tenant, reply.raw)) {
      reply.send(job.view);
      return;
    }
    reply.send(Readable.from(this.#body(job, fields, { first, pages, caller }), { objectMode: false }));
  }

  async *#body(
    job: JobSnapshot,
    fields: readonly CostlyField[],
    source: Source,
  ): AsyncGenerator<string, void, undefined> {
    const { caller } = source;
    let { first, pages } = source;
    try {
      for (const [index, field] of fields.entries()) {
        if (index > 0) {
          // each field reads the log anew, up to the same event: what one of them holds is about a page
          pages = this.reader.attempt(job.record);
          first = await this.#nextOf(job, pages, caller);
        }
        const json = FIELDS[field]();
        yield `${index === 0 ? headOf(job) : ''},"${field}":${json.add(first.events)}`;
        for (let { isLast } = first; !isLast; ) {
          const page = await this.#nextOf(job, pages, caller);
          yield json.add(page.events);
          ({ isLast } = page);
        }
        yield json.end();
      }
    } catch (error) {
      // the status is out: a broken body shows the client that the text is not whole
      this.logger.error({ requestId: job.record.jobId, tenant: job.record.tenant, err: error }, 'text broken off');
      throw error;
    }
    yield '}';
  }

  /** @throws LogExpired */
  async #nextOf(job: JobSnapshot, pages: Pages, caller: Caller): Promise<AttemptPage> {
    const page = await this.#next(pages, caller);
    if (page === null) throw new LogExpired(job.record.jobId);
    return page;
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

/** Whether no worker has started the job, so that its log has no word of an answer. */
function hasSaidNothing({ record }: JobSnapshot): boolean {
  return record.status === 'queued' && record.attempt === 0;
}

/** The JSON of a job without its last bracket: more members can follow. */
function headOf({ view }: JobSnapshot): string {
  return JSON.stringify(view).slice(0, -1);
}

/** @param events of the job's attempt, all of them; null: the log has expired */
function wholeJson(job: JobSnapshot, fields: readonly CostlyField[], events: readonly StoredEvent[] | null): string {
  const members = fields.map((field) => {
    if (events === null) return `,"${field}":null`;
    const json = FIELDS[field]();
    return `,"${field}":${json.add(events)}${json.end()}`;
  });
  return `${headOf(job)}${members.join('')}}`;
}
