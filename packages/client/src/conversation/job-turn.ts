import { type Answer, type AnswerMessage, answerAfter, NO_ANSWER } from '../answer.ts';
import { isTerminal, type JobEvent, type Timings } from '../job-event.ts';
import type { JobStatus, JobView } from '../job-view.ts';
import type { ThreadMessage } from '../thread-view.ts';
import { problemOfJob } from './problem.ts';
import type { AssistantMessage, MessageTimings } from './snapshot.ts';
import { stepsOf } from './stored-steps.ts';

/** One job of a thread, from whatever is known of it: its events, its record, the messages that its thread keeps. */
export class JobTurn {
  /** its record, as read last */
  record: JobView | null = null;
  queuePosition: number | null = null;
  /** it was undone: its thread knows nothing of it */
  isUndone = false;
  private answer: Answer = NO_ANSWER;
  private said: readonly ThreadMessage[] = [];
  private drawn: { readonly from: readonly unknown[]; readonly message: AssistantMessage } | null = null;
  private acceptedAt: number | null = null;

  constructor(readonly id: string) {}

  /** Events of it have come: they tell more than its record and its messages. */
  get isLive(): boolean {
    return this.acceptedAt !== null;
  }

  get status(): JobStatus {
    const { answer, record } = this;
    if (answer.status !== 'queued' && answer.status !== 'active') return answer.status;
    if (record !== null && (record.finishedAt !== null || !this.isLive)) return record.status;
    return this.isLive || this.said.length === 0 ? answer.status : 'completed';
  }

  get isOpen(): boolean {
    return this.status === 'queued' || this.status === 'active';
  }

  /** What it asks a person, once it has ended so. */
  get questions() {
    return this.isLive ? this.answer.questions : (this.record?.interrupts ?? []);
  }

  get cancelledBy() {
    return this.answer.cancelledBy;
  }

  /** @returns whether the job has ended with this event */
  apply(event: JobEvent): boolean {
    this.acceptedAt ??= Date.now();
    this.answer = answerAfter(this.answer, event);
    if (event.type !== 'accepted') this.queuePosition = null;
    return isTerminal(event);
  }

  /** @param record null: it is gone, or not to be seen */
  look(record: JobView | null): void {
    if (record === null) return;
    this.record = record;
    this.queuePosition = this.answer.attempt === 0 ? (record.queuePosition ?? null) : null;
  }

  /** Takes what its thread keeps of what it said. */
  keep(said: readonly ThreadMessage[]): void {
    const isSame = said.length === this.said.length && said.every((message, place) => message === this.said[place]);
    if (!isSame) this.said = said;
  }

  /** The same object until something has changed. */
  message(): AssistantMessage {
    const from = [this.answer, this.record, this.said, this.queuePosition];
    if (this.drawn === null || from.some((part, place) => part !== this.drawn?.from[place])) {
      this.drawn = { from, message: this.#draw() };
    }
    return this.drawn.message;
  }

  #draw(): AssistantMessage {
    const { answer, record, id } = this;
    const steps = this.isLive ? answer.messages : stepsOf(this.said);
    const error = answer.error ?? record?.error ?? null;
    const usage = answer.usage ?? record?.usage ?? null;
    const createdAt = record === null ? this.acceptedAt : Date.parse(record.createdAt);
    return {
      ...{ role: 'assistant', id, jobId: id, status: this.status, steps, parts: partsOf(steps) },
      ...{ output: record?.output ?? null, states: answer.states, questions: this.questions },
      ...{ attempt: answer.attempt || (record?.attempt ?? 0), restarts: answer.restarts },
      ...{ model: answer.model ?? record?.model ?? null, pipeline: record?.pipeline ?? null },
      ...{ queuePosition: this.queuePosition, createdAt, finishReason: answer.finishReason, usage },
      timings: withSpeed(answer.timings ?? timingsOf(record), usage?.outputTokens),
      problem: error === null ? null : problemOfJob(error, id),
      cancelledBy: answer.cancelledBy,
    };
  }
}

/** An answer of which only its messages are known. */
export function plainAnswer(said: readonly ThreadMessage[], id: string): AssistantMessage {
  const turn = new JobTurn(id);
  turn.keep(said);
  return { ...turn.message(), jobId: said[0]?.jobId ?? null };
}

function partsOf(steps: readonly AnswerMessage[]) {
  return steps.length === 1 && steps[0] !== undefined ? steps[0].parts : steps.flatMap(({ parts }) => parts);
}

function timingsOf(record: JobView | null): Timings | null {
  if (record === null || record.startedAt === null || record.finishedAt === null) return null;
  const since = (time: string) => Date.parse(time) - Date.parse(record.createdAt);
  return {
    queueMs: since(record.startedAt),
    firstTokenMs: record.firstTokenAt === null ? null : since(record.firstTokenAt),
    totalMs: since(record.finishedAt),
  };
}

function withSpeed(timings: Timings | null, outputTokens: number | undefined): MessageTimings | null {
  if (timings === null) return null;
  const spokenMs = timings.firstTokenMs === null ? 0 : timings.totalMs - timings.firstTokenMs;
  const isKnown = outputTokens !== undefined && spokenMs > 0;
  return { ...timings, tokensPerSecond: isKnown ? (outputTokens * 1000) / spokenMs : null };
}
