import type { JobRef } from '@millrace/contracts';
import type { KeySpace } from '../redis/keys.ts';
import type { RedisConnection } from '../redis/scripts.ts';

/** The most jobs of one look. */
const PAGE = 1_000;

/** The jobs whose ends a webhook is to be told. A job is noted before it is recorded and stays until its end is in the queue of
 *  webhooks, so that no crash in between loses one. */
export class WebhookJobs {
  constructor(
    readonly redis: RedisConnection,
    readonly keys: Pick<KeySpace, 'webhookJobs' | 'openJobs'>,
  ) {}

  async note(ref: JobRef): Promise<void> {
    await this.redis.zadd(this.keys.webhookJobs, Date.now(), ref);
  }

  /** Jobs that are no longer open, the oldest first: they have ended, or were never recorded. A hint: the record decides. */
  async ended(): Promise<JobRef[]> {
    const { webhookJobs, openJobs } = this.keys;
    const gone = (await this.redis.zdiff(2, [webhookJobs, openJobs])) as JobRef[];
    return gone.slice(0, PAGE);
  }

  async forget(ref: JobRef): Promise<void> {
    await this.redis.zrem(this.keys.webhookJobs, ref);
  }
}
