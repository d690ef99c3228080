import type { Offence } from '@millrace/testing';
import type { UsageTestimony } from './usage-evidence.ts';

/** Judges the ledger of a tenant: every attempt once, and of every token that the model counted no more and no less. */
export function judgeUsage({ tenant, sums, jobs, reportedTokens, doneTokens }: UsageTestimony): Offence[] {
  const offences: Offence[] = [];
  const expect = (what: string, found: number, [least, most]: readonly [number, number]) => {
    const told = `${what} of ${tenant} in the ledger: ${found} instead of ${least === most ? least : `${least} to ${most}`}`;
    if (found < least) offences.push({ defect: 'lost', what: told });
    if (found > most) offences.push({ defect: 'repeated', what: told });
  };
  expect('jobs', sums.jobs, [jobs.length, jobs.length]);
  for (const { id, attempts, counted } of jobs) {
    // an erased job has left nothing to compare with
    if (attempts === null) continue;
    expect(`attempts of job ${id}`, counted.length, [attempts, attempts]);
  }
  const known = jobs.reduce((total, { attempts }) => total + (attempts ?? 0), 0);
  const hasErased = jobs.some(({ attempts }) => attempts === null);
  expect('attempts', sums.attempts, [known, hasErased ? Number.POSITIVE_INFINITY : known]);
  // the model's report may have met a worker that had just died
  const exact = sums.inputTokens + sums.outputTokens - sums.estimatedTokens;
  expect('tokens that the model counted', exact, [doneTokens, reportedTokens]);
  return offences;
}
