import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type JobRef, jobRef, newRequestId } from '@millrace/contracts';
import { startRedis, type TestRedis } from '@millrace/testing';
import fc from 'fast-check';
import type { LogLimits } from '../log/record.ts';
import { JobModel } from '../testing/job-model.ts';
import { AGED_MS, type JobStep, jobSteps, type RealJob } from '../testing/job-steps.ts';
import { LogHarness } from '../testing/log-harness.ts';

// small enough to reach each of them, and far enough apart to tell them by a time to live
const LIMITS: LogLimits = {
  unfinishedRetentionMs: 900_000,
  recordRetentionMs: 600_000,
  logRetentionMs: 300_000,
  maxEvents: 45,
  maxBytes: 1_000,
  maxAttempts: 4,
};
/** Time that a run may take. */
const SLACK_MS = 50_000;

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

/** Runs one step on both, then compares everything stored with everything expected. */
class StepCommand implements fc.AsyncCommand<JobModel, RealJob> {
  constructor(readonly step: JobStep) {}

  check(): boolean {
    return true;
  }

  async run(model: JobModel, real: RealJob): Promise<void> {
    // a claim is made from what the model knows before the step
    const running = this.step.run(real, model);
    const predicted = this.step.predict(model);
    expect(await running).toEqual(predicted);
    expect(await stored(real)).toEqual(expected(model));
  }

  toString(): string {
    return this.step.name;
  }
}

async function stored({ d, ref }: RealJob) {
  const [record, log, recordMs, logMs] = await Promise.all([
    d.reader.outline(ref),
    d.log(ref),
    d.redis.pttl(d.keys.record(ref)),
    d.redis.pttl(d.keys.log(ref)),
  ]);
  return {
    record: record && {
      ...{ fingerprint: record.fingerprint, status: record.status, attempt: record.attempt },
      lastEventId: record.lastEventId,
      requestKept: (await d.redis.hexists(d.keys.record(ref), 'request')) === 1,
      logBytes: record.bytes.log,
      times: [record.startedAt, record.firstTokenAt, record.finishedAt].map((time) => time !== null),
      keptMs: roundedUp(recordMs),
    },
    log: log.length === 0 ? null : log,
    logKeptMs: record && roundedUp(logMs),
  };
}

function expected(model: JobModel): Awaited<ReturnType<typeof stored>> {
  const { job, log, finished, aged, limits } = model;
  const unfinished = finished ? null : limits.unfinishedRetentionMs;
  const keptMs = aged.record ? AGED_MS : (unfinished ?? limits.recordRetentionMs);
  const logKeptMs = aged.log ? AGED_MS : (unfinished ?? limits.logRetentionMs);
  return {
    record: job && {
      ...{ fingerprint: job.fingerprint, status: job.status, attempt: job.attempt },
      lastEventId: model.lastEventId,
      requestKept: !finished,
      logBytes: job.bytes,
      times: [job.attempt > 0 && job.leaseToken !== null, job.spoke, finished],
      keptMs,
    },
    log,
    logKeptMs: job && (log === null ? 0 : logKeptMs),
  };
}

/** Maps a time to live to the value that it was set to; 0: there is no key. */
function roundedUp(ttlMs: number): number {
  const { unfinishedRetentionMs, recordRetentionMs, logRetentionMs } = LIMITS;
  const set = [unfinishedRetentionMs, recordRetentionMs, logRetentionMs, AGED_MS];
  return ttlMs < 0 ? 0 : (set.find((ms) => ttlMs > ms - SLACK_MS && ttlMs <= ms) ?? ttlMs);
}

describe('the state machine of a job', () => {
  it('does, answers, stores and publishes what its model says, whoever asks for what and when', async () => {
    await using d = LogHarness.single(server.url, LIMITS);
    const published = await publications(d);
    await fc.assert(
      fc.asyncProperty(
        fc.commands([jobSteps.map((step) => new StepCommand(step))], { maxCommands: 60, size: 'max' }),
        async (commands) => {
          const model = new JobModel(jobRef('default', newRequestId()), LIMITS);
          const real = { d, ref: model.ref };
          // what a failed run has left
          await published();
          await fc.asyncModelRun(() => ({ model, real }), commands);
          expect(await published()).toEqual(model.published);
        },
      ),
      { numRuns: 150 },
    );
  }, 240_000);
});

/** What was published, without the time (µs) that ends its first line. */
function withoutTime(payload: string): string {
  const [, told = '', micros, events = ''] = /^(.*) (\d{16})(\n.*)$/s.exec(payload) ?? [];
  expect(Math.abs(Number(micros) / 1_000 - Date.now())).toBeLessThan(60_000);
  return told + events;
}

/** Listens to all channels of a deployment.
 *  @returns a function that returns all that a job's scripts have published since its last call */
async function publications(d: LogHarness) {
  const listener = d.connection();
  const messages: [channel: string, payload: string][] = [];
  let heard = Promise.withResolvers<void>();
  listener.on('pmessage', (_pattern: string, channel: string, payload: string) => {
    if (payload === 'that was all') heard.resolve();
    else messages.push(channel === d.keys.control ? ['control', payload] : ['live', withoutTime(payload)]);
  });
  await listener.psubscribe(d.keys.channel('*' as JobRef), d.keys.control);
  return async () => {
    heard = Promise.withResolvers<void>();
    await d.redis.publish(d.keys.control, 'that was all');
    await heard.promise;
    return messages.splice(0);
  };
}
