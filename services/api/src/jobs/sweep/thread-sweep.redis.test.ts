import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type CreateJobBody, createJobSchema, newRequestId, type ThreadView, threadRef } from '@millrace/contracts';
import { type ThreadCatalogue, ThreadKeys, type Threads } from '@millrace/threads';
import { LASTING } from '../../auth/caller.ts';
import { ROLE_PERMISSIONS } from '../../auth/permissions.ts';
import { ApiHarness, finish, post, refOf, type TestNode } from '../../testing/api-harness.ts';
import { Turns } from '../../testing/turns.ts';
import { THREAD_CATALOGUE, THREADS } from '../../tokens.ts';
import { fingerprintOf } from '../fingerprint.ts';
import { Intake } from '../intake.ts';
import { ResolveRequest } from '../resolve-request.ts';
import { Sweep } from './sweep.ts';

let harness: ApiHarness;
let node: TestNode;

beforeAll(async () => {
  harness = await ApiHarness.start({ MILLRACE_SWEEP_MS: '600000' });
  node = await harness.node();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const turns = () => new Turns(harness, node);
const threads = () => node.api.nest.get<Threads>(THREADS);
const sweep = () => node.api.nest.get(Sweep).sweep();
const refFor = (of: Turns) => threadRef('default', of.threadId);
const outline = (id: string) => harness.reader.outline(refOf(id));

/** Makes jobs look as old as if they had been admitted a minute ago. */
async function age(...ids: string[]): Promise<void> {
  for (const id of ids) await harness.redis.zincrby(harness.keys.openJobs, -60e6, refOf(id));
}

/** Records a job, as a node does that dies before it asks the thread. @returns its id */
async function record(of: Turns, fields: Partial<CreateJobBody> = {}): Promise<string> {
  const id = newRequestId();
  const body = createJobSchema.parse({ query: 'hi', threadId: of.threadId, ...fields });
  const caller = {
    ...{ tenant: 'default', role: 'user', subject: null, scope: null },
    permissions: ROLE_PERMISSIONS.user,
    credential: LASTING,
  };
  await node.api.nest.get(Intake).accept({
    ...{
      tenant: 'default',
      jobId: id,
      fingerprint: fingerprintOf(body),
      metadata: {},
      idempotencyKey: null,
      traceparent: undefined,
    },
    ...{ resolve: () => node.api.nest.get(ResolveRequest).run(body, caller), mayExist: true },
  });
  return id;
}

/** Loses what the registry knows of a job. */
async function unlist(id: string): Promise<void> {
  const { openJobs, queuedJobs, allJobs } = harness.keys;
  const own = [harness.keys.openJobsOf('default'), harness.keys.jobsOf('default')];
  await Promise.all([openJobs, queuedJobs, allJobs, ...own].map((key) => harness.redis.zrem(key, refOf(id))));
}

describe('what a dead node leaves between a thread, its jobs and the queue (law 17)', () => {
  it('a job that was recorded, and has no place yet, gets one', async () => {
    const of = turns();
    const [first, second] = [await record(of), await record(of)];
    await age(first, second);
    expect(await sweep()).toBe(1);
    expect(await of.isQueued(first)).toBe(true);
    expect(await of.isQueued(second)).toBe(false);
    expect(await of.get<ThreadView>()).toMatchObject({ activeJob: first });
    await of.end(first, await of.begin(first));
    expect(await of.isQueued(second)).toBe(true);
  });

  it('a recorded job that its thread refuses is erased', async () => {
    const of = turns();
    await of.submit();
    const id = await record(of, { onBusy: 'reject' });
    await age(id);
    await sweep();
    expect(await outline(id)).toBeNull();
    expect(await harness.redis.zscore(harness.keys.allJobs, refOf(id))).toBeNull();
  });

  it('a recorded job that its thread refuses is erased with the answer to the same request, sent again', async () => {
    const of = turns();
    const running = await of.submit();
    const id = await record(of, { onBusy: 'reject' });
    const again = { query: 'hi', threadId: of.threadId, onBusy: 'reject' };
    const answer = await post(node, again, { accept: 'application/json', 'x-request-id': id });
    expect([answer.status, await answer.json()]).toMatchObject([409, { code: 'THREAD_BUSY' }]);
    expect(await outline(id)).toBeNull();
    // not by a sweep, when the thread has become idle
    await of.end(running, await of.begin(running));
    await sweep();
    expect(await of.get<ThreadView>()).toMatchObject({ activeJob: null, lastJob: running });
  });

  it('a job that has the turn, and no queue entry, is queued', async () => {
    const of = turns();
    const id = await of.submit();
    await of.unqueue(id);
    await age(id);
    expect(await sweep()).toBe(1);
    expect(await of.isQueued(id)).toBe(true);
    expect(await sweep()).toBe(0);
  });

  it('a job that has the turn is queued also where the registry has lost it', async () => {
    const of = turns();
    const id = await of.submit();
    await of.unqueue(id);
    await unlist(id);
    await harness.redis.hincrby(harness.keys.record(refOf(id)), 'createdAt', -60_000);
    await sweep();
    expect(await of.isQueued(id)).toBe(true);
    expect(await harness.redis.zscore(harness.keys.openJobs, refOf(id))).not.toBeNull();
  });

  it('jobs that wait for their turn are left alone', async () => {
    const of = turns();
    const ids = [await of.submit(), await of.submit(), await of.submit()];
    await age(...ids);
    for (let time = 0; time < 3; time += 1) expect(await sweep()).toBe(0);
    expect(await Promise.all(ids.map((id) => of.isQueued(id)))).toEqual([true, false, false]);
  });

  it.each(['interrupt', 'rollback'] as const)('a job that was to be cancelled first (%s) makes way', async (onBusy) => {
    const of = turns();
    const running = await of.submit();
    await of.begin(running, ['half']);
    const next = await record(of, { onBusy });
    const entered = await threads().enter({ ref: refFor(of), jobId: next, onBusy, kind: 'message' });
    expect(entered).toEqual({ kind: 'cancel-first', jobId: running });
    await age(running, next);
    await sweep();
    expect(await outline(running)).toMatchObject({ status: 'cancelled' });
    expect(await of.isQueued(next)).toBe(true);
    expect(await of.get<ThreadView>()).toMatchObject({ activeJob: next });
  });

  it.each([
    ['that the registry lists', false],
    ['that the registry has lost', true],
  ])('a job that has ended, %s, passes its turn on, and what it said is kept', async (_, isLost) => {
    const of = turns();
    const [first, second] = [await of.submit(), await of.submit()];
    const writer = await of.begin(first, ['said']);
    await finish(writer);
    if (isLost) await unlist(first);
    else await age(first);
    await sweep();
    expect(await of.isQueued(second)).toBe(true);
    expect(await of.get<ThreadView>()).toMatchObject({ activeJob: second, lastJob: first });
    const messages = await harness.redis.lrange(new ThreadKeys(harness.prefix).messages(refFor(of)), 0, -1);
    expect(messages.map((message) => (JSON.parse(message) as { content: string }).content)).toEqual(['said']);
    await of.end(second, await of.begin(second));
    expect(await of.get<ThreadView>()).toMatchObject({ status: 'idle' });
  });

  it('a turn that was passed on, to a job that was not queued, is used', async () => {
    const of = turns();
    const [first, second] = [await of.submit(), await of.submit()];
    await finish(await of.begin(first));
    const { next } = await threads().leave({ ref: refFor(of), jobId: first, status: 'completed' });
    expect(next).toBe(second);
    await age(first, second);
    await sweep();
    expect(await of.isQueued(second)).toBe(true);
  });

  it('a job whose record is gone gives up its turn', async () => {
    const of = turns();
    const [first, second] = [await of.submit(), await of.submit()];
    await of.unqueue(first);
    await harness.redis.del(harness.keys.record(refOf(first)), harness.keys.log(refOf(first)));
    await age(first);
    await sweep();
    expect(await of.isQueued(second)).toBe(true);
  });

  it('a job that enters its thread late and may not wait is cancelled', async () => {
    const of = turns();
    await of.submit();
    const id = await of.submit({ delayMs: 1, onBusy: 'reject' });
    await of.unqueue(id);
    await harness.redis.zrem(`${harness.keys.queuePrefix}:jobs:delayed`, refOf(id));
    await age(id);
    await sweep();
    expect(await outline(id)).toMatchObject({ status: 'cancelled' });
  });

  it('hints of threads that are idle go away', async () => {
    const of = turns();
    const id = await of.submit();
    await of.end(id, await of.begin(id));
    // as if it were a minute later
    await harness.redis.zincrby(new ThreadKeys(harness.prefix).busyThreads, -120e6, refFor(of));
    await sweep();
    expect(await harness.redis.zscore(new ThreadKeys(harness.prefix).busyThreads, refFor(of))).toBeNull();
    const { threads: busy } = await node.api.nest.get<ThreadCatalogue>(THREAD_CATALOGUE).busy({ limit: 1_000 });
    expect(busy.map(({ threadId }) => threadId)).not.toContain(of.threadId);
  });
});
