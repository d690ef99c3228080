import { MAX_TIMER_MS } from '@millrace/contracts';
import { COMPLETION_GRACE_MS, type ModelActivity } from '../pipelines/definition/model-observer.ts';
import { DeadlineExceeded } from './attempt-errors.ts';

export interface DeadlineLimits {
  /** until the first content, including retries and their delays, milliseconds; any activity of the server restarts it */
  readonly firstTokenMs: number;
  /** between two reads from the server after the first content, milliseconds */
  readonly tokenGapMs: number;
  /** the whole attempt, milliseconds */
  readonly totalMs: number;
}

/** The three deadlines of an attempt: first content, gap, and total time. Only time spent waiting for the model counts as
 *  silence: the timer is suspended while the worker waits for Redis. Everything that a model's server sends is activity,
 *  including a comment, or a part of a tool call that cannot be published yet. */
export class Deadlines implements Disposable {
  readonly #total: NodeJS.Timeout;
  #activeAt = performance.now();
  #silence: NodeJS.Timeout;
  #isWaiting = true;
  #hasContent = false;
  #isComplete = false;
  #isIdle = false;

  /** @param expire called once per deadline that passes */
  constructor(
    readonly limits: DeadlineLimits,
    readonly expire: (reason: DeadlineExceeded) => void,
  ) {
    const { firstTokenMs, totalMs } = limits;
    this.#total = setTimeout(
      () => expire(new DeadlineExceeded('TIMEOUT', `The answer took longer than ${totalMs} ms.`)),
      // from the request: an API with other settings may have accepted a longer one
      Math.min(totalMs, MAX_TIMER_MS),
    );
    this.#silence = this.#silenceTimer(firstTokenMs, `The model sent nothing within ${firstTokenMs} ms.`);
  }

  /** The model's server has sent something. The gap deadline applies from the first content on: a model that reasons without
   *  streaming may send an empty frame first and nothing for minutes. */
  onActivity(activity: ModelActivity): void {
    const { firstTokenMs, tokenGapMs } = this.limits;
    this.#activeAt = performance.now();
    this.#isIdle = activity === 'idle';
    if (activity === 'idle') {
      clearTimeout(this.#silence);
      return;
    }
    if (activity === 'called') {
      this.#hasContent = false;
      this.#isComplete = false;
      this.#startFirst(firstTokenMs);
      return;
    }
    const isComplete = activity === 'complete';
    if (this.#hasContent && isComplete === this.#isComplete) {
      this.#silence.refresh();
      return;
    }
    if (activity === 'alive' && !this.#hasContent) {
      // not `refresh()`: a retried call has a shorter timer
      this.#startFirst(firstTokenMs);
      return;
    }
    this.#hasContent = true;
    this.#isComplete = isComplete;
    // a complete answer has its own time for usage and its end, however short the gap may be
    this.#startGap(isComplete ? COMPLETION_GRACE_MS + tokenGapMs : tokenGapMs);
  }

  /** The pipeline has yielded its first event: its model may not report activity. */
  onFirstEvent(): void {
    if (!this.#hasContent && !this.#isIdle) this.onActivity('content');
  }

  /** Restarts the first deadline for a retry: only the time left since the last activity counts. */
  retry(): void {
    this.#hasContent = false;
    this.#isComplete = false;
    this.#startFirst(Math.max(0, this.limits.firstTokenMs - (performance.now() - this.#activeAt)));
  }

  /** @param leftMs time left until the first deadline, milliseconds */
  #startFirst(leftMs: number): void {
    clearTimeout(this.#silence);
    this.#silence = this.#silenceTimer(leftMs, `The model sent nothing within ${this.limits.firstTokenMs} ms.`);
  }

  #startGap(gapMs: number): void {
    clearTimeout(this.#silence);
    this.#silence = this.#silenceTimer(gapMs, `The model stopped sending for ${gapMs} ms.`);
  }

  /** Resumes the silence timer: the worker waits for the model. */
  resume(): void {
    this.#isWaiting = true;
    // it would start a timer that is cleared
    if (!this.#isIdle) this.#silence.refresh();
  }

  /** Suspends the silence timer: the worker waits for Redis. */
  suspend(): void {
    this.#isWaiting = false;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#total);
    clearTimeout(this.#silence);
  }

  #silenceTimer(ms: number, message: string): NodeJS.Timeout {
    return setTimeout(() => {
      if (this.#isWaiting) this.expire(new DeadlineExceeded('MODEL_TIMEOUT', message));
    }, ms);
  }
}
