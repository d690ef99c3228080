import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Interrupt, ThreadRef } from '@millrace/contracts';
import { startRedis, type TestRedis } from '@millrace/testing';
import fc from 'fast-check';
import { ThreadHarness } from './testing/thread-harness.ts';
import { ThreadModel } from './testing/thread-model.ts';

let server: TestRedis;
let d: ThreadHarness;
beforeAll(async () => {
  server = await startRedis();
  d = ThreadHarness.single(server.url);
});
afterAll(async () => {
  await d[Symbol.asyncDispose]();
  await server.stop();
});

/** What one of several nodes does: the same to the thread and to its model. */
interface Step {
  readonly name: string;
  readonly run: (ref: ThreadRef) => Promise<unknown>;
  readonly predict: (model: ThreadModel) => unknown;
}

const jobIds = fc.constantFrom(...'abcdefghij');
/** A job by name; null: the one that has the turn at that moment, if one has. */
const whose = fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: jobIds });
/** In doubt the attempt that has the claim. */
const attempts = fc.oneof(
  { weight: 2, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.constantFrom(1, 2, 3) },
);
const texts = fc.array(fc.constantFrom('x', 'yy', 'zzz'), { maxLength: 2 });
const entries = fc.record({
  jobId: jobIds,
  onBusy: fc.constantFrom('enqueue', 'reject', 'interrupt', 'rollback'),
  kind: fc.constantFrom('message', 'message', 'resume'),
  wasExpected: fc.constantFrom(false, false, false, true),
});
const endings = fc.constantFrom('completed', 'failed', 'cancelled', 'interrupted');

/** As `put` of the checkpoints does: fenced by the claim. */
const PUT = `if redis.call('HGET', KEYS[1], 'claim') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'head', ARGV[2])
return 1`;

/** A step of a job, as the thread stands when it begins. */
type Plan = (model: ThreadModel) => Step;

function planOf<T>(
  parts: fc.Arbitrary<T>,
  step: (parts: T, jobOf: (jobId: string | null) => string, attemptOf: (attempt: number | null) => number) => Step,
): fc.Arbitrary<Plan> {
  return parts.map((chosen) => ({ thread }) => {
    const jobOf = (jobId: string | null) => jobId ?? thread?.active ?? 'a';
    return step(chosen, jobOf, (attempt) => attempt ?? thread?.claim?.attempt ?? 1);
  });
}

const enters = planOf(entries, (entry) => ({
  name: `enter(${JSON.stringify(entry)})`,
  run: (ref) => d.threads.enter({ ref, ...entry }),
  predict: (model) => model.enter(entry, entry.wasExpected),
}));

const expects = planOf(jobIds, (jobId) => ({
  name: `expect(${jobId})`,
  run: (ref) => d.threads.expect(ref, jobId),
  predict: (model) => model.expect(jobId),
}));

const claims = planOf(fc.tuple(whose, attempts, texts), ([who, nth, question], jobOf, attemptOf) => {
  const [jobId, attempt] = [jobOf(who), attemptOf(nth)];
  return {
    name: `claim(${jobId}, ${attempt}, ${question})`,
    run: (ref) => d.claim(ref, jobId, attempt, question),
    predict: (model) => model.claim(jobId, attempt, question),
  };
});

const puts = planOf(fc.tuple(whose, attempts, fc.uuid()), ([who, nth, checkpoint], jobOf, attemptOf) => {
  const [jobId, attempt] = [jobOf(who), attemptOf(nth)];
  return {
    name: `put(${jobId}, ${attempt}, ${checkpoint})`,
    run: async (ref) => {
      const claim = `${jobId}:${attempt}:token-${attempt}`;
      return (await d.redis.eval(PUT, 1, d.keys.record(ref), claim, checkpoint)) === 1;
    },
    predict: (model) => model.put(jobId, attempt, checkpoint),
  };
});

const rewinds = planOf(fc.tuple(whose, attempts), ([who, nth], jobOf, attemptOf) => {
  const [jobId, attempt] = [jobOf(who), attemptOf(nth)];
  return {
    name: `rewind(${jobId}, ${attempt})`,
    run: (ref) => d.threads.rewind({ ref, jobId, attempt, leaseToken: `token-${attempt}` }),
    predict: (model) => model.rewind(jobId, attempt),
  };
});

const leaves = planOf(fc.tuple(whose, endings, texts), ([who, status, said], jobOf) => {
  const jobId = jobOf(who);
  const interrupts: Interrupt[] = status === 'interrupted' ? [{ interruptId: 'q', value: `by ${jobId}` }] : [];
  const messages = said.map((content) => ({ role: 'assistant' as const, content }));
  return {
    name: `leave(${jobId}, ${status}, ${said})`,
    run: (ref) => d.threads.leave({ ref, jobId, status, said: messages, interrupts }),
    predict: (model) => model.leave({ jobId, status }, said, interrupts),
  };
});

const erases = planOf(fc.constant(null), () => ({
  name: 'erase',
  run: (ref) => d.threads.erase(ref),
  predict: (model) => model.erase(),
}));

const plans = fc.oneof(
  { weight: 16, arbitrary: enters },
  { weight: 3, arbitrary: expects },
  { weight: 10, arbitrary: claims },
  { weight: 8, arbitrary: puts },
  { weight: 2, arbitrary: rewinds },
  { weight: 10, arbitrary: leaves },
  { weight: 1, arbitrary: erases },
);

interface Real {
  readonly ref: ThreadRef;
}

/** Runs a step on both, then compares everything stored with everything expected. */
class StepCommand implements fc.AsyncCommand<ThreadModel, Real> {
  #name = '';

  constructor(
    readonly plan: Plan,
    /** the reply was lost: the command is sent again */
    readonly isSentTwice: boolean,
  ) {}

  check(): boolean {
    return true;
  }

  async run(model: ThreadModel, { ref }: Real): Promise<void> {
    const { name, run, predict } = this.plan(model);
    this.#name = name;
    expect(await run(ref)).toEqual(predict(model));
    const after = await stored(ref);
    expect(after).toEqual(expected(model));
    if (!this.isSentTwice) return;
    expect(await run(ref)).toEqual(predict(model));
    expect(await stored(ref)).toEqual(after);
  }

  toString(): string {
    return `${this.#name}${this.isSentTwice ? ', twice' : ''}`;
  }
}

async function stored(ref: ThreadRef) {
  const [thread, turns, waiting, expectedJobs, messages, kept] = await Promise.all([
    d.threads.get(ref),
    d.redis.zrange(d.keys.jobs(ref), '0', '-1'),
    d.redis.lrange(d.keys.waiting(ref), 0, -1),
    d.redis.smembers(d.keys.expected(ref)),
    d.threads.messages(ref, { from: 0, limit: Number.POSITIVE_INFINITY }),
    d.redis.lrangeBuffer(d.keys.messages(ref), 0, -1),
  ]);
  const contents = messages.map(({ content }) => content);
  return {
    status: thread?.status ?? null,
    active: thread?.activeJob ?? null,
    last: thread?.lastJob ?? null,
    head: thread?.head ?? null,
    questions: thread?.interrupts ?? [],
    isClaimed: thread?.isClaimed ?? false,
    turns,
    waiting,
    expected: new Set(expectedJobs),
    messages: contents,
    // of the thread itself, its metadata `{}`, and its jobs
    otherBytes: thread && thread.bytes - Buffer.concat(kept).length - 502 - 100 * turns.length,
  };
}

function expected({ thread }: ThreadModel): Awaited<ReturnType<typeof stored>> {
  const open = thread === null || thread.active !== null ? null : thread.questions;
  const idle = open === null ? (thread?.failed ? 'error' : 'idle') : 'interrupted';
  return {
    status: thread === null ? null : thread.active === null ? idle : 'busy',
    active: thread?.active ?? null,
    last: thread?.last ?? null,
    head: thread?.head ?? null,
    questions: open ?? [],
    isClaimed: thread?.claim != null,
    turns: thread?.turns ?? [],
    waiting: thread?.waiting ?? [],
    expected: new Set(thread?.expected),
    messages: thread?.messages ?? [],
    otherBytes: thread && 0,
  };
}

describe('the state machine of a thread (law 17)', () => {
  it('answers and stores what its model says, whoever asks for what, when and how often', async () => {
    const commands = fc.tuple(plans, fc.boolean()).map(([plan, isSentTwice]) => new StepCommand(plan, isSentTwice));
    await fc.assert(
      fc.asyncProperty(fc.commands([commands], { maxCommands: 60, size: 'max' }), async (run) => {
        const model = new ThreadModel();
        const ref = d.newRef();
        await fc.asyncModelRun(() => ({ model, real: { ref } }), run);
        await drain(ref, model.thread?.waiting ?? []);
      }),
      { numRuns: 80 },
    );
  });
});

/** Lets all jobs leave: nobody waits for ever, and those that wait have their turn in order. */
async function drain(ref: ThreadRef, waiting: readonly string[]): Promise<void> {
  const turns: string[] = [];
  let job = (await d.threads.get(ref))?.activeJob ?? null;
  expect(job === null && waiting.length > 0).toBe(false);
  while (job !== null) {
    ({ next: job } = await d.threads.leave({ ref, jobId: job, status: 'completed' }));
    if (job !== null) turns.push(job);
  }
  expect(turns).toEqual(waiting);
}
