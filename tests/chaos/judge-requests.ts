import type { Offence } from '@millrace/testing';
import type { FaultKind } from './schedule.ts';
import type { Struck } from './strikes.ts';
import type { Testimony } from './testimony.ts';

// these faults affect only clients and workers: the API has no reason to refuse anybody
const NO_EXCUSE: ReadonlySet<FaultKind> = new Set([
  'clients cut after random bytes',
  'clients reset',
  'worker SIGKILL',
  'worker SIGTERM',
  'worker SIGSTOP, SIGCONT',
]);
// everything recovers within 5 s; twice that on a busy machine
const RECOVERY_MS = 10_000;

/** Judges the answers to the requests about a job. Lost connections are due to the network, and 503 to an outage. */
export function judgeRequests({ plan, asks, id, log }: Testimony, struck: readonly Struck[]): Offence[] {
  const offences: Offence[] = [];
  for (const { what, status, at, answeredAt, id: told } of asks) {
    if (status === null) offences.push({ defect: 'hung', what: `${what}: no answer` });
    if (status === 503 && !isExcused(at, answeredAt, struck)) {
      offences.push({ defect: 'lost', what: `${what}: 503 without an outage` });
    }
    if (status !== null && ![0, 200, 202, 409, 503].includes(status)) {
      offences.push({ defect: 'lost', what: `${what}: answered with ${status}` });
    }
    if ((status === 200 || status === 202) && told !== id) {
      offences.push({ defect: 'repeated', what: `${what}: answered by job ${told}, the first one is ${id}` });
    }
  }
  // the thread's own judgement knows whether it was busy
  const isRefused = plan.place !== null && asks.at(-1)?.status === 409;
  if (id === null && !isRefused) offences.push({ defect: 'lost', what: 'it was never accepted' });
  return [...offences, ...judgeEnds(asks, log)];
}

function judgeEnds(asks: Testimony['asks'], log: Testimony['log']): Offence[] {
  const ENDS: Readonly<Record<string, string>> = { done: 'completed', error: 'failed', cancelled: 'cancelled' };
  const end = ENDS[log.at(-1)?.event ?? ''];
  const offences: Offence[] = [];
  for (const { what, status, end: told } of asks) {
    const wrong =
      (told !== undefined && told !== end) ||
      (what === 'DELETE' && status === 200 && end !== 'cancelled') ||
      (what === 'DELETE' && status === 409 && end === 'cancelled');
    if (wrong) offences.push({ defect: 'double-ended', what: `${what}: ${status} ${told ?? ''}, but the job ${end}` });
  }
  return offences;
}

function isExcused(at: number, answeredAt: number, struck: readonly Struck[]): boolean {
  return struck.some(
    ({ kind, from, until }) => !NO_EXCUSE.has(kind) && from <= answeredAt && at <= until + RECOVERY_MS,
  );
}
