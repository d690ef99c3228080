import {
  aiSdkError,
  anthropicProblem,
  type ForeignAnswer,
  type ForeignProblem,
  langGraphProblem,
  openAiProblem,
} from '@millrace/protocols';
import { PROBLEMS, type Problem } from './problem.ts';

/** The form that a protocol gives its errors. */
type ErrorForm = (problem: ForeignProblem) => ForeignAnswer;

/** The forms of errors, by the path of the request. The longest path that fits decides; elsewhere, and where there is none,
 *  errors are `application/problem+json`. */
const ERROR_FORMS: Readonly<Record<string, ErrorForm | null>> = {
  '/api/chat': aiSdkError,
  '/langgraph': langGraphProblem,
  '/v1': openAiProblem,
  '/v1/messages': anthropicProblem,
  '/v1/stream': null,
};

const PATHS = Object.keys(ERROR_FORMS).sort((one, other) => other.length - one.length);

/** What is known of the request that failed. */
export interface FailedRequest {
  /** its target, with the query string */
  readonly url: string;
  readonly requestId: string;
  /** whether it has made a job, or may have */
  readonly hasMadeJob: boolean;
}

/** A problem in the form that the client of a path reads. It has a form also if no route has the path.
 *  @see PROTOCOL.md §7, docs/protocols.md */
export function errorAnswer(problem: Problem, { url, requestId, hasMadeJob }: FailedRequest): ForeignAnswer {
  const form = formOf(url);
  const { code, status, detail, options } = problem;
  const { 'Retry-After': retryAfter, ...headers } = options.headers ?? {};
  if (form === null) {
    return {
      ...{ status, headers: options.headers ?? {}, contentType: 'application/problem+json' },
      body: JSON.stringify(problemBody(problem, requestId)),
    };
  }
  const answer = form({
    ...{ code, status, detail, requestId, retryAfter, isJobMade: hasMadeJob },
    errors: options.errors,
  });
  return { ...answer, headers: { ...headers, ...answer.headers } };
}

function formOf(url: string): ErrorForm | null {
  const [path = ''] = url.split('?', 1);
  const found = PATHS.find((prefix) => path === prefix || path.startsWith(`${prefix}/`));
  return found === undefined ? null : (ERROR_FORMS[found] ?? null);
}

/** The members of RFC 9457, and our own. */
export function problemBody(problem: Problem, requestId: string) {
  const { errors, otherIds } = problem.options;
  return {
    type: `urn:millrace:problem:${problem.code.toLowerCase().replaceAll('_', '-')}`,
    title: PROBLEMS[problem.code].title,
    status: problem.status,
    detail: problem.detail,
    code: problem.code,
    requestId,
    ...(errors === undefined ? {} : { errors }),
    ...(otherIds === undefined ? {} : { otherIds }),
  };
}
