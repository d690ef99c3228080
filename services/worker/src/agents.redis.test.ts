import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { idOf, type JobRef, logLimits, threadRef } from '@millrace/contracts';
import { type ModelRequest, type SimulatedModel, startModel } from '@millrace/simulated-model';
import { AttemptStarter } from '@millrace/stream-log';
import { eventually, startRedis, type TestRedis } from '@millrace/testing';
import { openCheckpoints, privateThread } from '@millrace/threads';
import { keepIn } from './pipelines/agents/testing/agents.ts';
import { WorkerHarness } from './testing/worker-harness.ts';

const AGENTS = { MILLRACE_PIPELINES: fileURLToPath(new URL('./pipelines/agents/testing/agents.ts', import.meta.url)) };

let redis: TestRedis;
let model: SimulatedModel;
beforeAll(async () => {
  redis = await startRedis();
  model = await startModel();
  // a call at first, then words; each word is a delta of its own
  model.answer(
    ({ body }: ModelRequest) => {
      const last = body.messages?.at(-1);
      if (last?.role === 'user' && body['tools'] !== undefined) {
        return ['I ', 'look', { toolCall: { id: 'c1', name: 'look', arguments: '{"at":"it"}' } }];
      }
      const text = typeof last?.content === 'string' ? last.content : '';
      return ['say: ', ...text.split(' ')];
    },
    { stepMs: 2, usage: { inputTokens: 10, outputTokens: 5 } },
  );
  process.env['OPENAI_API_KEY'] = 'none';
  process.env['OPENAI_BASE_URL'] = model.baseUrl;
});
afterAll(async () => {
  delete process.env['OPENAI_API_KEY'];
  delete process.env['OPENAI_BASE_URL'];
  await model[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});

type Said = [string, Record<string, unknown>];

/** What the log says since its last `reset`, without ids that differ from run to run; deltas are joined. */
function lastPart(events: readonly Said[]): Said[] {
  const start = events.findLastIndex(([type]) => type === 'reset') + 1;
  const names = new Map<unknown, string>();
  const nameOf = (id: unknown) => names.get(id) ?? names.set(id, `m${names.size}`).get(id);
  const said: Said[] = [];
  for (const [type, data] of events.slice(start)) {
    if (['accepted', 'started'].includes(type)) continue;
    const { timings: _, ...rest } = type === 'state' ? { ...data, data: inShort(data['data']) } : data;
    const named = 'messageId' in rest ? { ...rest, messageId: nameOf(rest['messageId']) } : rest;
    const last = said.at(-1);
    if (type === 'text' && last?.[0] === 'text' && last[1]['messageId'] === named['messageId']) {
      last[1] = { ...last[1], text: `${last[1]['text']}${rest['text']}` };
    } else said.push([type, named]);
  }
  return said;
}

/** A state without the ids of its messages. */
function inShort(state: unknown): unknown {
  const { messages = [], ...rest } = state as { messages?: { content: unknown }[] };
  return { ...rest, messages: messages.map(({ content }) => content) };
}

/** What parallel tasks say may come in any order. */
const inAnyOrder = (said: readonly Said[]) => said.map((event) => JSON.stringify(event)).sort();

async function seqOf(harness: WorkerHarness, ref: JobRef): Promise<number> {
  const [attempt, seq] = await harness.redis.hmget(harness.keys.record(ref), 'attempt', 'seq');
  return attempt === '0' ? 0 : attempt === '1' ? Number(seq) : Number.POSITIVE_INFINITY;
}

/** Takes a job over as soon as its first attempt has stored so many events, and gives it away at once: after a second loss it
 *  would run in a process of its own, where these agents are not.
 *  @param meanwhile happens before the next attempt
 *  @returns false: it had ended before */
async function killAfter(
  harness: WorkerHarness,
  ref: JobRef,
  events: number,
  meanwhile = async () => {},
): Promise<boolean> {
  const starter = new AttemptStarter(harness.redis, harness.keys, logLimits(harness.settings()));
  for (;;) {
    const [status] = await harness.redis.hmget(harness.keys.record(ref), 'status');
    if (status !== 'queued' && status !== 'active') return false;
    if ((await seqOf(harness, ref)) >= events) break;
  }
  const begun = await starter.begin(ref, `taker-${idOf(ref)}`, { isNext: true });
  if (begun.kind !== 'begun') return false;
  // the entry of the first attempt is gone once that has noticed
  await eventually(async () => (await harness.queuedEntry(ref)) === false);
  await meanwhile();
  await begun.writer.release('handover');
  await harness.enqueue(ref);
  return true;
}

describe('an agent whose worker dies', () => {
  it('after any of its events, in any step: the log says the same again, and one step at most is repeated', async () => {
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    keepIn(await harness.savers());
    await harness.worker(AGENTS);
    const request = { pipeline: 'steps', query: 'hi', streamModes: ['values'] } as const;

    const before = model.requests.length;
    const whole = await harness.submit(request);
    expect(await harness.end(whole)).toMatchObject(['done', { finishReason: 'stop' }]);
    const calls = model.requests.length - before;
    const events = await harness.events(whole);
    const expected = inAnyOrder(lastPart(events));
    const text = await harness.text(whole);
    expect(text).toContain('noted');

    let killed = 0;
    for (let count = 1; count < events.length; count += 1) {
      const asked = model.requests.length;
      const ref = await harness.submit(request);
      if (await killAfter(harness, ref, count)) killed += 1;
      expect(await harness.end(ref)).toMatchObject(['done', { finishReason: 'stop' }]);
      const place = `after ${count} events`;
      const said = await harness.events(ref);
      expect([place, await harness.text(ref)]).toEqual([place, text]);
      expect([place, inAnyOrder(lastPart(said))]).toEqual([place, expected]);
      // no step calls a model more than once
      expect(model.requests.length - asked).toBeLessThanOrEqual(calls + 1);
      // a private thread goes with its job
      await eventually(async () => (await harness.threads.get(privateThread('default', idOf(ref)))) === null);
    }
    expect(killed).toBeGreaterThan(events.length / 2);
  });
});

describe('an agent that asks', () => {
  const thread = { threadId: 't1', pipeline: 'approval' } as const;
  const stateOf = async (harness: WorkerHarness, threadId: string) =>
    (await openCheckpoints(harness.checkpointOptions)).readState(threadRef('default', threadId));

  it('asks again what it has asked when its worker dies, and takes each answer once', async () => {
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    keepIn(await harness.savers());
    await harness.worker(AGENTS);
    for (let count = 1; count <= 9; count += 1) {
      const request = { ...thread, threadId: `t${count}` };
      const ask = async (submitted: Promise<JobRef>) => {
        const ref = await submitted;
        await killAfter(harness, ref, count);
        return [await harness.end(ref), await harness.reader.outline(ref)] as const;
      };
      const [draft, asked] = await ask(harness.submit({ ...request, query: 'hi' }));
      expect(draft).toMatchObject(['done', { finishReason: 'interrupt' }]);
      expect(asked?.interrupts).toMatchObject([{ value: 'first?', node: 'ask' }]);
      const [again, askedAgain] = await ask(harness.submit({ ...request, messages: [], resume: 'one' }));
      expect(again).toMatchObject(['done', { finishReason: 'interrupt' }]);
      expect(askedAgain?.interrupts).toMatchObject([{ value: 'second?' }]);
      await eventually(
        async () => (await harness.threads.get(threadRef('default', request.threadId)))?.interrupts.length === 1,
      );
      const [sent] = await ask(harness.submit({ ...request, messages: [], resume: 'two' }));
      expect(sent).toMatchObject(['done', { finishReason: 'stop' }]);
      expect((await stateOf(harness, request.threadId))?.values['path']).toEqual(['draft', 'one+two', 'send']);
    }
  });

  it('stays at a breakpoint when its worker dies there: nobody has approved', async () => {
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    keepIn(await harness.savers());
    await harness.worker(AGENTS);
    for (let count = 1; count <= 8; count += 1) {
      const request = { ...thread, threadId: `t${count}`, pipeline: 'breakpoint' };
      const ref = await harness.submit({ ...request, query: 'hi' });
      await killAfter(harness, ref, count);
      expect(await harness.end(ref)).toMatchObject(['done', { finishReason: 'interrupt' }]);
      expect(await harness.text(ref)).toBe('say: draft');
      expect((await stateOf(harness, request.threadId))?.values['path']).toEqual(['draft']);
    }
    const approved = await harness.submit({ ...thread, pipeline: 'breakpoint', messages: [], resume: true });
    expect(await harness.end(approved)).toMatchObject(['done', { finishReason: 'stop' }]);
    expect(await harness.text(approved)).toBe('say: send');
  });
});

describe('an agent', () => {
  it('moves at a checkpoint when its worker stops: no model is asked twice', async () => {
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    keepIn(await harness.savers());
    const request = { pipeline: 'steps', query: 'hi' };
    const first = await harness.worker(AGENTS);
    let asked = model.requests.length;
    const whole = await harness.submit(request);
    await harness.end(whole);
    const calls = model.requests.length - asked;
    asked = model.requests.length;
    const moved = await harness.submit(request);
    await eventually(async () => (await seqOf(harness, moved)) >= 6);
    const closing = first.close();
    await harness.worker(AGENTS);
    await closing;
    expect(await harness.end(moved)).toMatchObject(['done', { finishReason: 'stop' }]);
    expect(inAnyOrder(lastPart(await harness.events(moved)))).toEqual(
      inAnyOrder(lastPart(await harness.events(whole))),
    );
    expect(await harness.events(moved)).toContainEqual(['reset', { attempt: 2, reason: 'handover' }]);
    expect(model.requests.length - asked).toBe(calls);
  });

  it('starts over when Redis has lost what it had said, with its thread as it was', async () => {
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    keepIn(await harness.savers());
    await harness.worker(AGENTS);
    const request = { pipeline: 'steps', query: 'hi', threadId: 't1', streamModes: ['values'] } as const;
    const whole = await harness.submit({ ...request, threadId: 't2' });
    await harness.end(whole);
    const ref = await harness.submit(request);
    const lose = async () => void (await harness.redis.del(harness.keys.log(ref)));
    expect(await killAfter(harness, ref, 14, lose)).toBe(true);
    await harness.end(ref);
    expect(inAnyOrder(lastPart(await harness.events(ref)))).toEqual(inAnyOrder(lastPart(await harness.events(whole))));
    expect(await harness.events(ref)).toContainEqual(['reset', { attempt: 3, reason: 'log-lost' }]);
  });

  it('closes its model call when it is cancelled', async () => {
    await using harness = new WorkerHarness(redis.url, model.baseUrl);
    keepIn(await harness.savers());
    await harness.worker(AGENTS);
    const gate = model.gated({ to: 'wait' });
    const ref = await harness.submit({ pipeline: 'steps', query: 'wait' });
    await gate.say('half');
    await harness.cancel(ref);
    expect((await (await gate.request).ended).by).toBe('client');
    await eventually(async () => (await harness.threads.get(privateThread('default', idOf(ref)))) === null);
  });
});
