import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, type TestRedis } from '@millrace/testing';
import { NewerFormat } from '../errors.ts';
import { LogHarness, say } from '../testing/log-harness.ts';
import { JobEraser } from './job-eraser.ts';
import { NewJob } from './new-job.ts';
import { JOB_FORMAT } from './record.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const REQUEST = { messages: [], pipeline: 'chat', model: 'm', onDisconnect: 'continue', onCrash: 'restart' } as const;

describe('the format of a job', () => {
  it('is in its record from the beginning, the newest that the scripts know', async () => {
    await using d = LogHarness.single(server.url);
    const ref = await d.job();
    expect(await d.redis.hget(d.keys.record(ref), 'format')).toBe(String(JOB_FORMAT));
    const fragment = readFileSync(new URL('../../lua/shared/format.lua', import.meta.url), 'utf8');
    expect(fragment).toContain(`or 1) > ${JOB_FORMAT} then`);
  });

  it('is 1 where a record does not tell it, as in those of older versions', async () => {
    await using d = LogHarness.single(server.url);
    const ref = await d.job();
    await d.redis.hdel(d.keys.record(ref), 'format');
    say(await d.begin(ref), 'a');
    expect(await d.reader.outline(ref)).toMatchObject({ status: 'active', unreadable: null });
    expect(await d.canceller.cancel(ref, 'owner')).toMatchObject({ kind: 'cancelled' });
  });

  it('if it is a newer one, keeps this version from running, ending, erasing or repeating the job, and from reading its words', async () => {
    await using d = LogHarness.single(server.url);
    const ref = await d.job();
    const [record, log] = d.keys.ofJob(ref);
    // what this version reads as JSON may be anything there
    await d.redis.hset(record, { format: JOB_FORMAT + 1, metadata: 'another form', webhook: 'another form' });
    const stored = async () => [await d.redis.hgetall(record), await d.redis.xrange(log, '-', '+')];
    const before = await stored();

    await expect(d.starter.begin(ref, 'token')).rejects.toThrow(NewerFormat);
    await expect(d.canceller.cancel(ref, 'owner')).rejects.toThrow(NewerFormat);
    const error = { code: 'INTERNAL', message: 'It failed.', retryable: false } as const;
    await expect(d.starter.fail(ref, error)).rejects.toThrow(NewerFormat);
    await expect(new JobEraser(d.redis, d.keys).eraseEnded(ref)).rejects.toThrow(NewerFormat);
    const again = new NewJob({ ref, fingerprint: 'f', request: { ...REQUEST, timeoutMs: 1_000 }, metadata: {} });
    await expect(d.opener.open(again)).rejects.toThrow(NewerFormat);
    expect(await stored()).toEqual(before);

    const outline = await d.reader.outline(ref);
    expect(outline).toMatchObject({ status: 'queued', metadata: {}, webhook: null });
    expect(outline?.unreadable).toBeInstanceOf(NewerFormat);
  });
});
