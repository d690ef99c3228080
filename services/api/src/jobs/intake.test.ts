import { describe, expect, it } from '@jest/globals';
import type { JobIndex, JobOpener, JobReader, NewJob } from '@millrace/stream-log';
import { IdempotencyMismatch } from '@millrace/stream-log';
import type { ApiSettings } from '../settings.ts';
import { Intake } from './intake.ts';

const JOB = { id: 'job', tenant: 'alice', fingerprint: 'f', request: {}, metadata: {} } as unknown as NewJob;

interface Store {
  readonly verdict?: 'admitted' | 'queue-full' | 'rate-limited';
  /** what the record says, where there is one */
  readonly record?: { readonly tenant: string; readonly status: string };
  readonly open?: () => Promise<'opened' | 'existing'>;
}

/** An intake whose ports write down the order in which they are called. */
function intakeOver({ verdict = 'admitted', record, open = async () => 'opened' as const }: Store = {}) {
  const calls: string[] = [];
  const called = async <T>(name: string, answer: () => T | Promise<T>): Promise<T> => {
    calls.push(name);
    // a later call would come first if this one were not awaited
    await new Promise(setImmediate);
    calls.push(`${name} answered`);
    return answer();
  };
  const reader = { get: () => called('read', () => record ?? null) };
  const index = {
    admit: () => called('admit', () => ({ outcome: verdict, priority: 7 })),
    priorityOf: async () => 8,
    withdraw: (_: object, alone: boolean) => called(`withdraw ${alone}`, () => undefined),
  };
  const opener = { open: () => called('open', open) };
  const intake = new Intake(
    { MILLRACE_MAX_QUEUED_JOBS: 1, MILLRACE_MAX_JOBS_PER_TENANT: 1 } as ApiSettings,
    reader as unknown as JobReader,
    index as unknown as JobIndex,
    opener as unknown as JobOpener,
  );
  return { intake, calls };
}

const answered = (...names: string[]) => names.flatMap((name) => [name, `${name} answered`]);

describe('the intake of a job (law 15)', () => {
  it('counts it in before it is recorded: a node that dies in between leaves nothing that a sweep cannot find', async () => {
    const { intake, calls } = intakeOver();
    expect(await intake.take(JOB, { mayExist: false })).toMatchObject({
      ...{ id: 'job', status: 'queued', isNew: true, priority: 7 },
    });
    expect(calls).toEqual(answered('admit', 'open'));
  });

  it('records nothing before what has to be there is there, and counts it in meanwhile', async () => {
    const { intake, calls } = intakeOver();
    const ready = Promise.withResolvers<void>();
    const taken = intake.take(JOB, { mayExist: false, ready: ready.promise });
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(calls).toEqual(answered('admit'));
    ready.resolve();
    await taken;
    expect(calls).toEqual(answered('admit', 'open'));
  });

  it('records nothing when what has to be there does not come', async () => {
    const { intake, calls } = intakeOver();
    const ready = Promise.reject(new Error('not confirmed'));
    await expect(intake.take(JOB, { mayExist: false, ready })).rejects.toThrow('not confirmed');
    await new Promise(setImmediate);
    expect(calls).toEqual(answered('admit'));
  });

  it.each([
    ['queue-full', 'QUEUE_FULL'],
    ['rate-limited', 'RATE_LIMITED'],
  ] as const)('records nothing that was not let in (%s)', async (verdict, code) => {
    const { intake, calls } = intakeOver({ verdict });
    await expect(intake.take(JOB, { mayExist: false })).rejects.toMatchObject({ code });
    expect(calls).toEqual(answered('admit'));
  });

  it('turns nobody away who comes back to a job', async () => {
    const record = { tenant: 'alice', status: 'active' };
    const { intake, calls } = intakeOver({ verdict: 'queue-full', record, open: async () => 'existing' });
    expect(await intake.take(JOB, { mayExist: true })).toMatchObject({
      ...{ status: 'active', isNew: false, priority: 8 },
    });
    expect(calls).toEqual(answered('read', 'open', 'read'));
  });

  it('keeps the admission when nobody knows whether the record was made', async () => {
    const { intake, calls } = intakeOver({ open: () => Promise.reject(new Error('the reply was lost')) });
    await expect(intake.take(JOB, { mayExist: false })).rejects.toThrow('the reply was lost');
    expect(calls).toEqual(answered('admit', 'open'));
  });

  it('takes back only its own admission when another tenant got the id', async () => {
    const open = () => Promise.reject(new IdempotencyMismatch('job'));
    const { intake, calls } = intakeOver({ record: { tenant: 'bob', status: 'queued' }, open });
    await expect(intake.take(JOB, { mayExist: false })).rejects.toBeInstanceOf(IdempotencyMismatch);
    expect(calls).toEqual(answered('admit', 'open', 'read', 'withdraw false'));
  });
});
