import type { ContentPart, NewJob } from '../job-view.ts';
import { newRequestId, ownRequestId } from '../request-id.ts';
import type { ConversationProblem, UserMessage } from './snapshot.ts';
import { partsOfContent } from './stored-steps.ts';

/** Something that was sent from here: under a request id of its own, so that sending it again does no harm. */
export class Draft {
  readonly id = `sent-${newRequestId()}`;
  requestId = ownRequestId();
  /** null: not accepted yet */
  jobId: string | null = null;
  /** what a page shows of it; null: it is no message */
  message: UserMessage | null = null;
  /** takes it back */
  stop = new AbortController();
  private current: UserMessage['state'] = 'sending';

  /** @param content null: an input, or the answer to a question */
  constructor(
    readonly job: NewJob,
    readonly content: string | readonly ContentPart[] | null,
  ) {
    this.is('sending');
  }

  /** Another job, for one that may have been accepted and cancelled. */
  renew(): void {
    this.requestId = ownRequestId();
  }

  get state(): UserMessage['state'] {
    return this.current;
  }

  is(state: UserMessage['state'], problem: ConversationProblem | null = null): void {
    this.current = state;
    if (this.content === null) return;
    const { id, jobId, content } = this;
    this.message = { role: 'user', id, messageId: null, jobId, parts: partsOfContent(content), state, problem };
  }
}
