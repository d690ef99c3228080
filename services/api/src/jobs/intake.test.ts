import { describe, expect, it } from '@jest/globals';
import {
  type Admission,
  type FairQueue,
  type IdempotencyKeys,
  IdempotencyMismatch,
  type JobOpener,
  type JobReader,
  type WebhookJobs,
} from '@millrace/stream-log';
import { Intake, type Submission } from './intake.ts';
import type { JobFinder } from './job-finder.ts';
import type { SharedLimits } from './shared-limits.ts';

const JOB = {
  ...{ tenant: 'alice', jobId: 'job', fingerprint: 'f', metadata: {}, idempotencyKey: null, mayExist: false },
  resolve: async () => ({ request: { pipeline: 'chat', messages: [], onDisconnect: 'continue' }, answers: undefined }),
} as unknown as Submission;

interface Store {
  readonly verdict?: Admission['outcome'];
  /** what the record says, where there is one */
  readonly record?: { readonly fingerprint: string; readonly status: string };
  /** the reference that has none */
  readonly unrecorded?: string;
  readonly open?: () => Promise<number | null>;
  /** the id that the idempotency key stands for by the time it is claimed */
  readonly held?: string;
}

/** An intake whose ports write down the order in which they are called. */
function intakeOver({ verdict = 'admitted', record, unrecorded, open = async () => 1, held = 'job' }: Store = {}) {
  const calls: string[] = [];
  const called = async <T>(name: string, answer: () => T | Promise<T>): Promise<T> => {
    calls.push(name);
    // a later call would come first if this one were not awaited
    await new Promise(setImmediate);
    calls.push(`${name} answered`);
    return answer();
  };
  const reader = {
    outline: (ref: string) =>
      called(`read ${ref}`, () => (record && ref !== unrecorded ? { ref, id: 'job', ...record } : null)),
  };
  const fairQueue = {
    admit: () => called('admit', () => ({ outcome: verdict, priority: 7 })),
    priorityOf: async () => 8,
    dropAdmission: (ref: string) => called(`drop ${ref}`, () => undefined),
  };
  const idempotencyKeys = {
    reserve: () => called('reserve', () => held),
    renew: () => called('renew', () => held),
    unreserve: (_tenant: string, _key: string, id: string) => called(`unreserve ${id}`, () => undefined),
  };
  const opener = {
    open: () => called('open', open),
    sealerOf: () => null,
    isMadeBy: async (known: { fingerprint: string }, fingerprint: string) => known.fingerprint === fingerprint,
  };
  const intake = new Intake(
    reader as unknown as JobReader,
    fairQueue as unknown as FairQueue,
    opener as unknown as JobOpener,
    idempotencyKeys as unknown as IdempotencyKeys,
    { of: async () => ({ whole: {}, exact: {} }) } as unknown as SharedLimits,
    { note: () => called('note webhook', () => undefined) } as unknown as WebhookJobs,
    reader as unknown as JobFinder,
  );
  return { intake, calls };
}

const answered = (...names: string[]) => names.flatMap((name) => [name, `${name} answered`]);

describe('the intake of a job (law 15)', () => {
  it('admits it before it records it: a sweep finds whatever a node that dies in between leaves', async () => {
    const { intake, calls } = intakeOver();
    expect(await intake.accept(JOB)).toMatchObject({
      ...{ ref: 'alice.job', jobId: 'job', status: 'queued', isNew: true, priority: 7 },
    });
    expect(calls).toEqual(answered('admit', 'open'));
  });

  it('records nothing before `ready` resolves, and admits it meanwhile', async () => {
    const { intake, calls } = intakeOver();
    const ready = Promise.withResolvers<void>();
    const taken = intake.accept({ ...JOB, ready: ready.promise });
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(calls).toEqual(answered('admit'));
    ready.resolve();
    await taken;
    expect(calls).toEqual(answered('admit', 'open'));
  });

  it('records nothing when `ready` rejects, and drops the admission', async () => {
    const { intake, calls } = intakeOver();
    const ready = Promise.reject(new Error('not confirmed'));
    await expect(intake.accept({ ...JOB, ready })).rejects.toThrow('not confirmed');
    expect(calls).toEqual(answered('admit', 'drop alice.job'));
  });

  it.each([
    ['queue-full', 'QUEUE_FULL'],
    ['too-many-jobs', 'RATE_LIMITED'],
    ['too-many-bytes', 'QUOTA_EXCEEDED'],
  ] as const)('writes nothing for a request that is refused (%s), not even its key', async (verdict, code) => {
    const { intake, calls } = intakeOver({ verdict });
    await expect(intake.accept({ ...JOB, idempotencyKey: 'k' })).rejects.toMatchObject({ code });
    expect(calls).toEqual(answered('admit'));
  });

  it('never refuses a repeated request', async () => {
    const record = { fingerprint: 'f', status: 'active' };
    const { intake, calls } = intakeOver({ verdict: 'queue-full', record });
    expect(await intake.accept({ ...JOB, mayExist: true })).toMatchObject({
      ...{ status: 'active', isNew: false, priority: 8 },
    });
    expect(calls).toEqual(answered('read alice.job'));
  });

  it('says that there is a job before it reads more of it: whatever fails then, it may not be made elsewhere', async () => {
    const { intake, calls } = intakeOver({ record: { fingerprint: 'f', status: 'active' }, held: 'first' });
    const found = () => void calls.push('found');
    await intake.accept({ ...JOB, mayExist: true, found });
    expect(calls).toEqual([...answered('read alice.job'), 'found']);
    const second = intakeOver({
      held: 'first',
      record: { fingerprint: 'f', status: 'queued' },
      unrecorded: 'alice.job',
    });
    await second.intake.accept({
      ...JOB,
      mayExist: true,
      idempotencyKey: 'k',
      found: () => void second.calls.push('found'),
    });
    expect(second.calls.indexOf('found')).toBe(answered('read alice.job', 'admit', 'reserve').length);
  });

  it('refuses another body with a known id, and writes nothing', async () => {
    const { intake, calls } = intakeOver({ record: { fingerprint: 'g', status: 'active' } });
    const again = intake.accept({ ...JOB, mayExist: true, idempotencyKey: 'k' });
    await expect(again).rejects.toBeInstanceOf(IdempotencyMismatch);
    expect(calls).toEqual(answered('read alice.job'));
  });

  it('keeps the admission if the record may have been made', async () => {
    const { intake, calls } = intakeOver({ open: () => Promise.reject(new Error('the reply was lost')) });
    await expect(intake.accept(JOB)).rejects.toThrow('the reply was lost');
    expect(calls).toEqual(answered('admit', 'open'));
  });

  it('releases its key when another body was recorded with the id meanwhile', async () => {
    const { intake, calls } = intakeOver({ open: () => Promise.reject(new IdempotencyMismatch('alice.job')) });
    await expect(intake.accept({ ...JOB, idempotencyKey: 'k' })).rejects.toBeInstanceOf(IdempotencyMismatch);
    expect(calls).toEqual(answered('admit', 'reserve', 'open', 'unreserve job'));
  });

  it('returns the job of the request that sent the same key first, and drops its own admission', async () => {
    const record = { fingerprint: 'f', status: 'queued' };
    const { intake, calls } = intakeOver({ held: 'first', record });
    expect(await intake.accept({ ...JOB, idempotencyKey: 'k' })).toMatchObject({ isNew: false });
    expect(calls).toEqual(answered('admit', 'reserve', 'drop alice.job', 'read alice.first', 'renew'));
  });

  it('leaves an admission with an id that others know to the sweep: one of them may be recording the job', async () => {
    const record = { fingerprint: 'f', status: 'queued' };
    const { intake, calls } = intakeOver({ held: 'first', record, unrecorded: 'alice.job' });
    await intake.accept({ ...JOB, mayExist: true, idempotencyKey: 'k' });
    expect(calls).toEqual(answered('read alice.job', 'admit', 'reserve', 'read alice.first', 'renew'));
  });

  it('writes no new key for a repeated request', async () => {
    const { intake, calls } = intakeOver({ record: { fingerprint: 'f', status: 'completed' } });
    await intake.accept({ ...JOB, mayExist: true, idempotencyKey: 'another' });
    expect(calls).toEqual(answered('read alice.job', 'renew'));
  });
});
