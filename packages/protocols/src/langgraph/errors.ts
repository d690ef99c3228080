import type { ForeignAnswer, ForeignProblem } from '../foreign/foreign-problem.ts';

/** A failure in the form of LangGraph's server, whose clients show the text of the body. They repeat a POST, at least in older
 *  versions, at 429 and at failures of the server: so neither is said once a job may have been made. */
export function langGraphProblem(problem: ForeignProblem): ForeignAnswer {
  const { code, status, detail, requestId, errors, retryAfter, isJobMade } = problem;
  const faults = (errors ?? []).map(({ pointer, detail: fault }) => `${pointer || 'body'}: ${fault}`);
  return {
    status: statusOf({ code, status, isJobMade }),
    headers: retryAfter === undefined ? {} : { 'Retry-After': retryAfter },
    contentType: 'application/json',
    body: JSON.stringify({
      detail: [detail, ...faults].join('\n'),
      ...{ code, requestId },
      ...(errors === undefined ? {} : { errors }),
    }),
  };
}

function statusOf({ code, status, isJobMade }: Pick<ForeignProblem, 'code' | 'status' | 'isJobMade'>): number {
  if (isJobMade && (status === 429 || status >= 500)) return 409;
  if (code === 'UNKNOWN_PIPELINE') return 404;
  return code === 'INVALID_REQUEST' && status === 400 ? 422 : status;
}
