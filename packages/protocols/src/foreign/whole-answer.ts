import type { StoredEvent } from '@millrace/contracts';

/** An answer without streaming. */
export interface WholeAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: object;
}

/** Makes the answer of a job's last attempt, for a client that does not stream. */
export interface AnswerCollector {
  /** @param event of the last attempt, the next one in the log; the first one follows its `reset`, if there is one */
  add(event: StoredEvent): void;
  /** To most clients a status of 200 means a whole answer, so a job that failed or was cancelled is an error. */
  end(): WholeAnswer;
}

/** The status of a job that has no answer. LangChain's clients and the AI SDK ignore `x-should-retry` and would make the job again,
 *  up to six times, at a server's failure, and the AI SDK also at a conflict; none does at 400. The body says what failed. */
export const NO_ANSWER = 400;
