import type { StoredEvent } from '@millrace/contracts';
import type { AnswerCollector, WholeAnswer } from '../foreign/whole-answer.ts';
import { failedAnswer, openAiJobError } from '../openai/errors.ts';
import { type ReadEvent, readEvent } from '../projection/read-event.ts';
import type { StreamedJob } from '../stream-format.ts';
import { finishOf, INITIAL, outputOf, type ResponseState, responsesProjection } from './frames.ts';
import { type ResponseProgress, responseJson } from './response.ts';

/** A response before its end. */
export function unfinishedResponse(job: StreamedJob, status: 'queued' | 'in_progress'): object {
  return JSON.parse(responseJson(job, { status, output: [] })) as object;
}

/** Makes a response of the events of a job's last attempt, without streaming. */
export class ResponseCollector implements AnswerCollector {
  #state: ResponseState = INITIAL;
  #last: ReadEvent | null = null;

  constructor(private readonly job: StreamedJob) {}

  add(event: StoredEvent): void {
    this.#last = readEvent(event);
    this.#state = responsesProjection.step(this.#state, this.#last, { job: this.job, number: 0 }).state;
  }

  /** The answer to the request that made the job. To most clients a status of 200 means a whole answer, so a job that failed or
   *  was cancelled is an error. */
  end(): WholeAnswer {
    return this.#last?.type === 'done' ? { status: 200, body: this.response() } : failedAnswer(this.#last);
  }

  /** The response as it is, however it ended. */
  response(): object {
    const { status } = this.#state;
    const finish = this.#last?.type === 'done' ? finishOf(this.#last.data) : null;
    const progress: ResponseProgress = {
      status: status ?? 'queued',
      output: outputOf(this.#state, this.job, finish?.status === 'completed' ? 'completed' : 'incomplete'),
      ...finish,
      error: this.#last?.type === 'error' ? openAiJobError(this.#last.data) : null,
    };
    return JSON.parse(responseJson(this.job, progress)) as object;
  }
}
