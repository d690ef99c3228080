import { jobRef, type Usage } from '@millrace/contracts';
import { KeySpace } from '@millrace/stream-log';
import { eventually } from '@millrace/testing';
import { promptOf } from './answer.ts';
import { TENANTS } from './job-plan.ts';
import type { JobRun } from './job-run.ts';
import { headersOf, OPERATOR, type Stage } from './stage.ts';
import type { Testimony } from './testimony.ts';

/** A job, and what the ledger remembers of it. */
interface MeteredJob {
  readonly id: string;
  /** in its record; null: it was erased */
  readonly attempts: number | null;
  /** numbers of the attempts that the ledger has counted */
  readonly counted: readonly number[];
}

/** What a tenant has used, as the service says and as everybody else does. */
export interface UsageTestimony {
  readonly tenant: string;
  /** of `GET /usage` */
  readonly sums: Usage & { readonly jobs: number; readonly attempts: number; readonly estimatedTokens: number };
  readonly jobs: readonly MeteredJob[];
  /** what the model itself has put into its answers, tokens */
  readonly reportedTokens: number;
  /** what jobs of one attempt that completed say of themselves, tokens */
  readonly doneTokens: number;
}

const NOTHING = { jobs: 0, attempts: 0, inputTokens: 0, outputTokens: 0, estimatedTokens: 0 };

// some sweeps, and the time that a worker has to report
const SETTLE_MS = 60_000;

/** What was used, once every job is settled, or once it must have been. */
export async function usageEvidenceOf(
  stage: Stage,
  jobs: readonly JobRun[],
  testimonies: readonly Testimony[],
): Promise<UsageTestimony[]> {
  const keys = new KeySpace(stage.system.env['MILLRACE_KEY_PREFIX'] ?? '');
  const waiting = async () =>
    (await stage.redis.zcard(keys.openJobs)) + (await stage.redis.zcard(keys.unsettledJobs)) === 0;
  await eventually(waiting, { timeoutMs: SETTLE_MS, everyMs: 500 }).catch(() => {
    // what is missing shows in the sums
  });
  const tenantOf = new Map(jobs.map(({ plan }) => [promptOf(plan), plan.tenant]));
  return Promise.all(
    TENANTS.map(async (tenant): Promise<UsageTestimony> => {
      const own = testimonies.filter(({ plan, id }) => plan.tenant === tenant && id !== null);
      const answer = await fetch(`${stage.system.url}/usage?by=tenant&tenant=${tenant}`, {
        headers: headersOf(OPERATOR),
      });
      const { items } = (await answer.json()) as { items: UsageTestimony['sums'][] };
      const requests = stage.system.model.requests.filter(({ prompt }) => tenantOf.get(prompt) === tenant);
      const ids = [...new Set(own.map(({ id }) => id ?? ''))];
      return {
        tenant,
        sums: items[0] ?? NOTHING,
        jobs: await Promise.all(ids.map((id) => meteredJob(stage, keys, tenant, id))),
        reportedTokens: sum(requests.map(({ reported }) => reported).map(tokensOf)),
        doneTokens: sum(own.filter(ranOnce).map(({ log }) => tokensOf(log.at(-1)?.data.usage as Usage | undefined))),
      };
    }),
  );
}

async function meteredJob(stage: Stage, keys: KeySpace, tenant: string, id: string): Promise<MeteredJob> {
  const ref = jobRef(tenant, id);
  const [attempts, entry] = await Promise.all([
    stage.redis.hget(keys.record(ref), 'attempt'),
    stage.redis.hget(keys.usageOf(tenant), ref),
  ]);
  const counted = Object.keys((JSON.parse(entry ?? '{"attempts":{}}') as { attempts: object }).attempts).map(Number);
  return { id, attempts: attempts === null ? null : Number(attempts), counted };
}

function ranOnce({ log }: Testimony): boolean {
  return log.at(-1)?.event === 'done' && log.filter(({ event }) => event === 'started').length === 1;
}

function tokensOf(usage: Usage | null | undefined): number {
  return usage ? usage.inputTokens + usage.outputTokens : 0;
}

function sum(figures: readonly number[]): number {
  return figures.reduce((total, figure) => total + figure, 0);
}
