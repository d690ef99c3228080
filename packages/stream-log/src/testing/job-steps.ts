import { type JobRef, LOG_START } from '@millrace/contracts';
import fc from 'fast-check';
import { AttemptWriter } from '../attempt/attempt-writer.ts';
import { IdempotencyMismatch, StreamLogError } from '../errors.ts';
import { NewJob } from '../log/new-job.ts';
import { scriptsOf } from '../redis/scripts.ts';
import { WriteGate } from '../redis/write-gate.ts';
import { type Claim, type JobModel, type Said, said } from './job-model.ts';
import { DONE, type LogHarness, REQUEST } from './log-harness.ts';

const LEASE_TOKENS = ['token-a', 'token-b', 'token-c'] as const;
const FAILURE = { code: 'MODEL_ERROR', message: 'm', retryable: false } as const;

/** The remaining time to live of a key of a long silent job, milliseconds. */
export const AGED_MS = 50_000;

/** One operation on a job: on the model, which gives the expected result, and on Redis. */
export interface JobStep {
  readonly name: string;
  /** @returns the answer */
  readonly predict: (model: JobModel) => unknown;
  /** @returns the answer, in the model's words */
  readonly run: (real: RealJob, model: JobModel) => Promise<unknown>;
}

export interface RealJob {
  readonly d: LogHarness;
  readonly ref: JobRef;
}

const opens = fc.constantFrom('restart' as const, 'fail' as const).map(
  (onCrash): JobStep => ({
    name: `open(${onCrash})`,
    predict: (model) => model.open({ fingerprint: onCrash, onCrash, model: REQUEST.model }),
    run: async ({ d, ref }) => {
      const job = new NewJob({ ref, fingerprint: onCrash, request: { ...REQUEST, onCrash }, metadata: {} });
      try {
        return (await d.opener.open(job)) === null ? 'existing' : 'opened';
      } catch (error) {
        if (error instanceof IdempotencyMismatch) return 'mismatch';
        throw error;
      }
    },
  }),
);

const begins = fc.tuple(fc.constantFrom(...LEASE_TOKENS), fc.boolean()).map(
  ([leaseToken, isAlone]): JobStep => ({
    name: `begin(${leaseToken}${isAlone ? ', alone' : ''})`,
    predict: (model) => model.begin(leaseToken, isAlone),
    run: async ({ d, ref }) => {
      const begun = await d.starter.begin(ref, leaseToken, { isAlone });
      if (begun.kind === 'begun') return begun.attempt;
      return begun.kind === 'refused' ? begun.reason : begun.kind;
    },
  }),
);

/** Mostly the job's own runner where it stands; else a zombie, a stranger, a repetition, or one who knows of more. */
const claims = fc.record({
  attempt: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.constantFrom(-1, 1)),
  seq: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.constantFrom(-2, -1, 1)),
  leaseToken: fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, fc.constantFrom(...LEASE_TOKENS)),
});
type Deviation = typeof claims extends fc.Arbitrary<infer T> ? T : never;

function claimOf({ job }: JobModel, { attempt, seq, leaseToken }: Deviation): Claim {
  return {
    attempt: Math.max(1, (job?.attempt ?? 0) + attempt),
    seq: Math.max(0, (job?.seq ?? 0) + seq),
    leaseToken: leaseToken ?? job?.leaseToken ?? LEASE_TOKENS[0],
  };
}

const sayings = fc.array(
  fc
    .record({ type: fc.constantFrom('text', 'reasoning'), text: fc.string({ maxLength: 30 }) })
    .map(({ type, text }) => said(type, { text })),
  { minLength: 1, maxLength: 20 },
);

const appends = fc.tuple(claims, sayings, fc.boolean()).map(
  ([deviation, events, renews]): JobStep => ({
    name: `append(${JSON.stringify(deviation)}, ${events.length}${renews ? ', renews' : ''})`,
    predict: (model) => model.append(claimOf(model, deviation), events, renews),
    run: (real, model) => append(real, claimOf(model, deviation), events, renews),
  }),
);

const repetitions = sayings.map(
  (events): JobStep => ({
    name: `append, twice the same (${events.length})`,
    predict: (model) => {
      const claim = claimOf(model, { attempt: 0, seq: 0, leaseToken: null });
      return [model.append(claim, events, true), model.append(claim, events, true)];
    },
    run: (real, model) => {
      const claim = claimOf(model, { attempt: 0, seq: 0, leaseToken: null });
      return Promise.all([append(real, claim, events, true), append(real, claim, events, true)]);
    },
  }),
);

const REPLIES = new Map<unknown, string>([
  [1, 'stored'],
  [0, 'stored-already'],
  [-1, 'ATTEMPT_FENCED'],
  [-2, 'JOB_CLOSED'],
  [-3, 'LOG_LOST'],
  [-4, 'LOG_LIMIT_EXCEEDED'],
]);

/** By the script itself: only its reply tells a repetition from a new event. */
async function append(
  { d, ref }: RealJob,
  { attempt, leaseToken, seq }: Claim,
  events: readonly Said[],
  renews: boolean,
) {
  const args = [
    'PUBLISH',
    renews ? d.limits.unfinishedRetentionMs : '',
    attempt,
    leaseToken,
    seq + 1,
    d.limits.maxEvents,
    d.limits.maxBytes,
  ];
  const pairs = events.flatMap(({ type, data }) => [type, data]);
  return REPLIES.get(await scriptsOf(d.redis)('append', d.keys.ofJob(ref), [...args, ...pairs]));
}

function writer({ d, ref }: RealJob, claim: Claim): AttemptWriter {
  return new AttemptWriter({
    run: scriptsOf(d.redis),
    publish: 'PUBLISH',
    keys: d.keys,
    limits: d.limits,
    gate: new WriteGate(),
    ref,
    ...claim,
  });
}

const finishes = fc.tuple(claims, fc.constantFrom('completed', 'failed')).map(
  ([deviation, status]): JobStep => ({
    name: `finish(${JSON.stringify(deviation)}, ${status})`,
    predict: (model) => {
      const event = status === 'completed' ? said('done', DONE) : said('error', FAILURE);
      return model.finish(claimOf(model, deviation), status, event);
    },
    run: async (real, model) => {
      const attempt = writer(real, claimOf(model, deviation));
      const closing = status === 'completed' ? attempt.done(DONE) : attempt.fail(FAILURE);
      return closing.then(
        () => 'closed',
        (error: unknown) => (error instanceof StreamLogError ? error.code : Promise.reject(error)),
      );
    },
  }),
);

const cancels: JobStep = {
  name: 'cancel',
  predict: (model) => model.cancel(said('cancelled', { by: 'owner' })),
  run: async ({ d, ref }) => (await d.canceller.cancel(ref, 'owner')).kind,
};

const givesUp: JobStep = {
  name: 'give up',
  predict: (model) => model.giveUp(said('error', FAILURE)),
  run: async ({ d, ref }) => (await d.starter.fail(ref, FAILURE)) !== null,
};

const releases = fc.tuple(claims, fc.constantFrom('handover', 'log-lost', 'worker-lost')).map(
  ([deviation, reason]): JobStep => ({
    name: `release(${JSON.stringify(deviation)}, ${reason})`,
    predict: (model) => model.release(claimOf(model, deviation), reason),
    run: (real, model) => writer(real, claimOf(model, deviation)).release(reason),
  }),
);

const reads = fc
  .record({ place: fc.nat(), events: fc.integer({ min: 1, max: 70 }), bytes: fc.integer({ min: 1, max: 1_600 }) })
  .map(({ place, ...limits }): JobStep => {
    const after = ({ log }: JobModel) => log?.[place % (log.length + 1)]?.id ?? LOG_START;
    return {
      name: `read(${place}, ${JSON.stringify(limits)})`,
      predict: (model) => [model.page(after(model), limits), model.text],
      run: ({ d, ref }, model) => Promise.all([d.reader.page(ref, after(model), limits), d.text(ref)]),
    };
  });

const expiries = fc.constantFrom('log', 'log', 'record').map(
  (key): JobStep => ({
    name: `expire(${key})`,
    predict: (model) => (key === 'log' ? model.expireLog() : model.expireRecord()),
    run: async ({ d, ref }) => {
      await d.redis.pexpire(d.keys[key](ref), 0);
    },
  }),
);

const ages: JobStep = {
  name: 'time passes',
  predict: (model) => model.age(),
  run: async ({ d, ref }) => {
    await Promise.all([d.keys.record(ref), d.keys.log(ref)].map((key) => d.redis.pexpire(key, AGED_MS)));
  },
};

/** Any step of a job's life; those that end it are rare, so that other steps come first. */
export const jobSteps: fc.Arbitrary<JobStep> = fc.oneof(
  { weight: 8, arbitrary: opens },
  { weight: 8, arbitrary: begins },
  { weight: 16, arbitrary: appends },
  { weight: 4, arbitrary: repetitions },
  { weight: 6, arbitrary: releases },
  { weight: 6, arbitrary: reads },
  { weight: 2, arbitrary: fc.constant(ages) },
  { weight: 2, arbitrary: expiries },
  { weight: 3, arbitrary: finishes },
  { weight: 1, arbitrary: fc.constant(cancels) },
  { weight: 1, arbitrary: fc.constant(givesUp) },
);
