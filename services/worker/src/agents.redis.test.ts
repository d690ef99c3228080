import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { idOf, type JobRef, logLimits } from '@millrace/contracts';
import { type ModelRequest, type SimulatedModel, startModel } from '@millrace/simulated-model';
import { AttemptStarter } from '@millrace/stream-log';
import { eventually, startRedis, type TestRedis } from '@millrace/testing';
import { privateThread } from '@millrace/threads';
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
  return attempt === '1' ? Number(seq) : Number.POSITIVE_INFINITY;
}

/** Takes a job over as soon as its first attempt has stored so many events, and dies at once. */
async function killAfter(harness: WorkerHarness, ref: JobRef, events: number): Promise<boolean> {
  const starter = new AttemptStarter(harness.redis, harness.keys, logLimits(harness.settings()));
  for (;;) {
    const [status] = await harness.redis.hmget(harness.keys.record(ref), 'status');
    if (status === 'completed') return false;
    if ((await seqOf(harness, ref)) >= events) break;
  }
  const begun = await starter.begin(ref, `taker-${idOf(ref)}`, { isNext: true });
  if (begun.kind !== 'begun') return false;
  // the entry of the first attempt is gone once that has noticed
  await eventually(async () => (await harness.queuedEntry(ref)) === false);
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
  }, 120_000);
});
