import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Interrupt, type JobView, newRequestId, type ThreadView } from '@millrace/contracts';
import { PipelineAnnouncements } from '@millrace/stream-log';
import { ApiHarness, post, type TestNode } from '../testing/api-harness.ts';
import { Turns } from '../testing/turns.ts';

let harness: ApiHarness;
let node: TestNode;

beforeAll(async () => {
  harness = await ApiHarness.start({ MILLRACE_SWEEP_MS: '600000' });
  await new PipelineAnnouncements(harness.redis, harness.keys).announce({
    ...{ worker: 'w1', since: 1 },
    pipelines: [
      { name: 'approval', kind: 'agent' },
      { name: 'other', kind: 'agent' },
    ],
  });
  node = await harness.node();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const ONE: readonly Interrupt[] = [{ interruptId: 'q1', value: 'Send it?', node: 'send' }];
const TWO: readonly Interrupt[] = [...ONE, { interruptId: 'q/2~', value: 'To whom?' }];

/** Ends the job with questions, without telling the thread. */
async function ask(of: Turns, id: string, questions: readonly Interrupt[]): Promise<void> {
  const writer = await of.begin(id);
  for (const data of questions) writer.emit({ type: 'interrupt', data });
  const usage = { inputTokens: 3, outputTokens: 5 };
  const timings = { queueMs: 1, firstTokenMs: 2, totalMs: 3 };
  await writer.done({ finishReason: 'interrupt', usage, timings }, { interrupts: questions });
}

/** @returns a thread whose agent `approval` has asked */
async function interrupted(questions = ONE): Promise<Turns> {
  const of = new Turns(harness, node);
  const id = await of.submit({ pipeline: 'approval' });
  await ask(of, id, questions);
  await of.leave(id);
  return of;
}

async function answer(of: Turns, body: object, headers: Record<string, string> = {}) {
  const response = await post(node, { threadId: of.threadId, ...body }, { accept: 'application/json', ...headers });
  const {
    code,
    errors = [],
    ...job
  } = (await response.json()) as JobView & {
    code?: string;
    errors?: { pointer: string }[];
  };
  return { status: response.status, code, pointers: errors.map(({ pointer }) => pointer), job };
}

const isRefused = (status: number, code: string, ...pointers: string[]) => ({ status, code, pointers });
const keysOf = () => harness.storedKeys();

describe('the answer to a question (PROTOCOL §2)', () => {
  it.each(['chat', 'other', 'nobody'])('must be for the agent that asked, not for %s', async (pipeline) => {
    const of = await interrupted();
    const before = await keysOf();
    expect(await answer(of, { pipeline, resume: true })).toMatchObject(isRefused(422, 'INVALID_INPUT', '/pipeline'));
    expect(await keysOf()).toEqual(before);
    expect(await of.get<ThreadView>()).toMatchObject({ status: 'interrupted', interrupts: ONE });
    expect(await answer(of, { pipeline: 'approval', resume: true })).toMatchObject({ status: 202 });
  });

  it('is for the agent that asked when it names none', async () => {
    const of = await interrupted();
    expect((await answer(of, { resume: { q1: true } })).job).toMatchObject({ pipeline: 'approval' });
  });

  it('is for that agent also in a fork, and after an attempt that failed', async () => {
    const of = await interrupted();
    const failed = await of.submit({ pipeline: 'other' });
    const writer = await of.begin(failed);
    await writer.fail({ code: 'INTERNAL', message: 'x', retryable: false });
    await of.leave(failed);
    const id = `thread-${newRequestId()}`;
    const headers = { 'content-type': 'application/json' };
    await fetch(`${node.url}/threads/${of.threadId}/fork`, { method: 'POST', headers, body: JSON.stringify({ id }) });
    for (const each of [of, new Turns(harness, node, id)]) {
      expect((await answer(each, { resume: true })).job).toMatchObject({ pipeline: 'approval' });
    }
  });

  it.each<[unknown, string[]]>([
    ['yes', ['/resume']],
    [null, ['/resume']],
    [['yes', 'no'], ['/resume']],
    [{}, ['/resume']],
    [{ q1: true, q3: 1 }, ['/resume/q3']],
    [{ 'a/b~': 1, nope: 2 }, ['/resume/a~1b~0', '/resume/nope']],
  ])('to several questions names them: %j does not', async (resume, pointers) => {
    const of = await interrupted(TWO);
    expect(await answer(of, { pipeline: 'approval', resume })).toMatchObject(
      isRefused(422, 'INVALID_INPUT', ...pointers),
    );
    expect(await of.get<ThreadView>()).toMatchObject({ status: 'interrupted', interrupts: TWO });
    expect(await answer(of, { resume: { q1: 'yes', 'q/2~': 'ann' } })).toMatchObject({ status: 202 });
  });

  it.each<[unknown]>([[{ q1: 'yes' }], [{ 'q/2~': 'ann' }]])('to several may leave some open: %j', async (resume) => {
    expect(await answer(await interrupted(TWO), { resume })).toMatchObject({ status: 202 });
  });

  it.each<[unknown]>([['yes'], [null], [[]], [{}], [{ q1: 1 }], [{ other: 1 }]])(
    'to one may be anything: %j',
    async (resume) => {
      expect(await answer(await interrupted(), { resume })).toMatchObject({ status: 202 });
    },
  );

  it.each(['chat', 'approval', 'nobody', undefined])(
    'needs a thread, and a question, before all else (pipeline %s)',
    async (pipeline) => {
      const of = new Turns(harness, node);
      const body = { pipeline, resume: 1, config: { a: 1 }, model: 'no:such' };
      expect(await answer(of, body)).toMatchObject(isRefused(404, 'THREAD_NOT_FOUND'));
      const id = await of.submit();
      expect(await answer(of, body)).toMatchObject(isRefused(409, 'NOT_INTERRUPTED', '/resume'));
      await of.end(id, await of.begin(id));
      expect(await answer(of, body)).toMatchObject(isRefused(409, 'NOT_INTERRUPTED', '/resume'));
    },
  );

  it('finds the question of a job whose end its client has seen, though not the thread', async () => {
    const of = new Turns(harness, node);
    const id = await of.submit({ pipeline: 'approval' });
    await ask(of, id, ONE);
    expect((await answer(of, { resume: true })).job).toMatchObject({ pipeline: 'approval' });
  });

  it('that is sent again is the same job, whatever its thread does meanwhile', async () => {
    const of = await interrupted();
    const headers = { 'x-request-id': newRequestId(), 'idempotency-key': newRequestId() };
    const first = await answer(of, { resume: true }, headers);
    expect(await answer(of, { resume: true }, headers)).toMatchObject({ status: 202, job: { id: first.job.id } });
    const id = String(first.job.id);
    await of.end(id, await of.begin(id));
    const again = await answer(of, { resume: true }, { 'idempotency-key': headers['idempotency-key'] });
    expect(again).toMatchObject({ status: 202, job: { id: first.job.id } });
  });

  it('of two at once, one is taken', async () => {
    for (let round = 0; round < 20; round += 1) {
      const of = await interrupted();
      const both = await Promise.all([answer(of, { resume: 'yes' }), answer(of, { resume: 'no' })]);
      expect(both.map(({ status }) => status).sort()).toEqual([202, 409]);
      expect(both.find(({ status }) => status === 409)).toMatchObject(isRefused(409, 'NOT_INTERRUPTED', '/resume'));
    }
  });
});
