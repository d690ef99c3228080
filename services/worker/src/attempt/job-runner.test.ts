import { describe, expect, it } from '@jest/globals';
import { type JobRef, ModelPrices } from '@millrace/contracts';
import { createLogger } from '@millrace/runtime';
import { LogLost } from '@millrace/stream-log';
import { JobRunner, type JobRunnerPorts } from './job-runner.ts';
import { WorkerMetrics } from './metrics.ts';

const REF = 't.job' as JobRef;

/** A runner whose job does not get its thread, and whose log is lost meanwhile.
 *  @param hints what it tells the registry */
function unclaimed(released: 'released' | 'fenced' | 'ended', hints: string[]): JobRunner {
  const writer = { fail: () => Promise.reject(new LogLost(REF)), release: async () => released };
  const request = { messages: [], pipeline: 'p', model: 'm', threadId: 't1' };
  const hint = (name: string) => async () => {
    hints.push(name);
  };
  return new JobRunner({
    slots: { pickUp: async () => ({ kind: 'granted' }) },
    starter: { begin: async () => ({ kind: 'begun', request, attempt: 1, writer }) },
    threads: { claim: async () => 'not-active' },
    pipelines: { find: () => undefined },
    fairQueue: { retire: hint('retire'), markReleased: hint('markReleased') },
    ledger: { meter: hint('meter') },
    prices: new ModelPrices({}),
    metrics: new WorkerMetrics(),
    logger: createLogger({ service: 'test', level: 'silent' }),
  } as unknown as JobRunnerPorts);
}

describe('a job that gets no thread, and whose log is lost', () => {
  it.each([
    ['released', 'log-lost', ['markReleased', 'meter']],
    ['fenced', 'fenced', ['meter']],
    ['ended', 'void', ['retire']],
  ] as const)('is retired by nobody unless it has ended: %s', async (released, outcome, told) => {
    const hints: string[] = [];
    const result = await unclaimed(released, hints).run(REF, 'token', new AbortController().signal);
    expect([result, hints]).toEqual([{ outcome }, told]);
  });
});
