import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type JobRef, jobRef, newRequestId } from '@millrace/contracts';
import { eventually, startRedis, type TestRedis } from '@millrace/testing';
import type { AttemptWriter } from '../attempt/attempt-writer.ts';
import { DONE, LogHarness, say } from '../testing/log-harness.ts';

const LIMITS = { recordRetentionMs: 50_000, logRetentionMs: 40_000, unfinishedRetentionMs: 500_000 };
const ERROR = { code: 'INTERNAL', message: 'It failed.', retryable: false } as const;

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

/** Whether a key expires when it should, or up to 10 s earlier. */
async function expiresIn({ redis }: LogHarness, key: string, ms: number): Promise<boolean> {
  const left = await redis.pttl(key);
  return left > ms - 10_000 && left <= ms;
}

describe('retention (law 11)', () => {
  it('begins anew with every write of a job, so that one that never ends is forgotten too', async () => {
    await using d = LogHarness.single(server.url, LIMITS);
    const id = jobRef('default', newRequestId());
    const expectRenewed = async () => {
      for (const key of [d.keys.record(id), d.keys.log(id)]) {
        expect(await expiresIn(d, key, LIMITS.unfinishedRetentionMs)).toBe(true);
        // the next write must not rely on this one: half of its time is over by then
        await d.redis.pexpire(key, LIMITS.unfinishedRetentionMs / 2);
      }
    };
    await d.job({}, id);
    await expectRenewed();
    const writer = await d.begin(id);
    await expectRenewed();
    say(writer, 'a');
    await writer.flush();
    await expectRenewed();
    await writer.release('handover');
    await expectRenewed();
  });

  it.each<[string, (d: LogHarness, id: JobRef, writer: AttemptWriter) => Promise<unknown>]>([
    ['done', (_d, _id, writer) => writer.done(DONE)],
    ['an error', (_d, _id, writer) => writer.fail(ERROR)],
    ['a cancel', (d, id) => d.canceller.cancel(id, 'owner')],
    ['an error of a job that may not run again', (d, id) => d.starter.fail(id, ERROR)],
  ])('of record and log ends each its own time after %s', async (_end, end) => {
    await using d = LogHarness.single(server.url, LIMITS);
    const id = await d.job();
    await end(d, id, await d.begin(id));
    expect(await expiresIn(d, d.keys.record(id), LIMITS.recordRetentionMs)).toBe(true);
    expect(await expiresIn(d, d.keys.log(id), LIMITS.logRetentionMs)).toBe(true);
  });

  it('leaves nothing in Redis when it is over', async () => {
    await using d = LogHarness.single(server.url, { ...LIMITS, recordRetentionMs: 100, logRetentionMs: 100 });
    const id = await d.job();
    const writer = await d.begin(id);
    say(writer, 'a');
    await writer.done(DONE);
    await eventually(async () => (await d.redis.exists(d.keys.record(id), d.keys.log(id))) === 0);
    expect(await d.reader.outline(id)).toBeNull();
  });
});
