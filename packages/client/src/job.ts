import { type Answer, type AnswerMessage, answerAfter, NO_ANSWER } from './answer.ts';
import { PlainJob, successful } from './plain-job.ts';
import type { WatchOptions } from './resumed-events.ts';

/** A job that also tells its answer as messages; `messages`, too, reads the whole stream. */
export class Job extends PlainJob {
  /** The messages so far, each time that they have changed, with reasoning and tools: always whole, also after a new attempt has
   *  started again. A message that has not changed is the same object as before.
   *  @throws MillraceError like `events`; JobFailed, JobCancelled */
  async *messages(options: WatchOptions = {}): AsyncGenerator<readonly AnswerMessage[], void, undefined> {
    let answer: Answer = NO_ANSWER;
    for await (const event of successful(this.id, this.events(options))) {
      const { messages } = answer;
      answer = answerAfter(answer, event);
      if (answer.messages !== messages) yield answer.messages;
    }
  }
}
