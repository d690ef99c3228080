import type { ForeignAnswer, ForeignProblem } from '../foreign/foreign-problem.ts';

/** A failure as `useChat` shows it: the text of the body is what its user reads. */
export function aiSdkError({ status, detail, errors = [], retryAfter }: ForeignProblem): ForeignAnswer {
  const faults = errors.map(({ pointer, detail: fault }) => `${pointer || 'body'}: ${fault}`);
  return {
    status,
    headers: retryAfter === undefined ? {} : { 'Retry-After': retryAfter },
    contentType: 'text/plain; charset=utf-8',
    body: [detail, ...faults].join('\n'),
  };
}
