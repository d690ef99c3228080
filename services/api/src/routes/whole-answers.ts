import type { AnswerCollector } from '@millrace/protocols';
import { type JobOutline, type JobReader, LogExpired } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Caller } from '../auth/caller.ts';
import { TextQuota } from '../quota/text-quota.ts';
import { JOB_READER } from '../tokens.ts';

/** Answers with what a job has said, in the words of another protocol, as one JSON value. */
@Injectable()
export class WholeAnswers {
  constructor(
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(TextQuota) private readonly quota: TextQuota,
  ) {}

  /** Reads the events of the job's last attempt, up to the last one that the outline names. A long answer waits for its turn
   *  among those of the caller's tenant, and is then held until it has been sent (law 16).
   *  @throws LogExpired */
  async send(reply: FastifyReply, job: JobOutline, caller: Caller, collector: AnswerCollector): Promise<void> {
    const pages = this.reader.attempt(job);
    let isLong = false;
    for (;;) {
      const { value: page } = await this.quota.readPage(caller.tenant, () => pages.next());
      if (page === undefined) throw new LogExpired(job.jobId);
      for (const event of page.events) collector.add(event);
      if (page.isLast) break;
      if (!isLong) await this.quota.acquireText(caller.tenant, reply.raw, { isPatient: true });
      if (reply.raw.destroyed) return; // the reader left
      isLong = true;
    }
    const { status, headers = {}, body } = collector.end();
    void reply
      .code(status)
      .headers(headers)
      .header('Cache-Control', 'no-store')
      .type('application/json; charset=utf-8')
      .send(Buffer.from(JSON.stringify(body)));
  }
}
