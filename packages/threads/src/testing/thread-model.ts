import type { Interrupt } from '@millrace/contracts';
import type { Ending, Entered, Entry, Left } from '../threads.ts';

type Step = Pick<Entry, 'jobId' | 'onBusy' | 'kind'>;

/** A thread as docs/laws.md (17) and PROTOCOL.md §10 have it, without Redis. */
interface ModelThread {
  active: string | null;
  waiting: string[];
  expected: string[];
  /** jobs by turn */
  turns: string[];
  claim: { readonly jobId: string; readonly attempt: number } | null;
  head: string | null;
  /** where the active job found the thread, once it was claimed */
  found: { readonly head: string | null; readonly messages: number } | null;
  stop: 'interrupt' | 'rollback' | null;
  questions: readonly Interrupt[] | null;
  failed: boolean;
  last: string | null;
  messages: string[];
}

/** What each operation on one thread answers and leaves behind. */
export class ThreadModel {
  thread: ModelThread | null = null;

  /** a checkpoint of the job that has the claim */
  put(jobId: string, attempt: number, checkpoint: string): boolean {
    const { thread } = this;
    if (thread?.claim?.jobId !== jobId || thread.claim.attempt !== attempt) return false;
    thread.head = checkpoint;
    return true;
  }

  create(): boolean {
    if (this.thread !== null) return false;
    this.#make();
    return true;
  }

  enter({ jobId, onBusy, kind }: Step, wasExpected = false): Entered {
    const { thread } = this;
    const goesFirst = onBusy === 'interrupt' || onBusy === 'rollback';
    if (thread?.active === jobId) return { kind: 'run' };
    if (thread?.turns.includes(jobId)) return { kind: 'over' };
    if (thread?.waiting.includes(jobId)) {
      return goesFirst && thread.stop !== null && thread.active !== null
        ? { kind: 'cancel-first', jobId: thread.active }
        : { kind: 'wait' };
    }
    if (wasExpected && !thread?.expected.includes(jobId)) return { kind: 'over' };
    if (kind === 'resume') {
      if (thread === null) return { kind: 'unknown-thread' };
      if (thread.active !== null || thread.questions === null) return { kind: 'not-interrupted' };
    } else if (thread !== null && thread.active !== null && onBusy === 'reject') {
      return { kind: 'busy' };
    }
    const entered = thread ?? this.#make();
    entered.expected = entered.expected.filter((id) => id !== jobId);
    if (entered.active === null) {
      this.#giveTurn(entered, jobId);
      return { kind: 'run' };
    }
    if (!goesFirst) {
      entered.waiting.push(jobId);
      return { kind: 'wait' };
    }
    entered.waiting.unshift(jobId);
    if (entered.stop !== 'rollback') entered.stop = onBusy;
    return { kind: 'cancel-first', jobId: entered.active };
  }

  expect(jobId: string): void {
    const thread = this.thread ?? this.#make();
    if (![thread.active, ...thread.turns, ...thread.waiting, ...thread.expected].includes(jobId)) {
      thread.expected.push(jobId);
    }
  }

  claim(jobId: string, attempt: number, question: readonly string[]): 'claimed' | 'not-active' {
    const { thread } = this;
    if (thread === null || thread.active !== jobId) return 'not-active';
    if (thread.claim !== null && thread.claim.attempt > attempt) return 'not-active';
    thread.claim = { jobId, attempt };
    if (thread.found === null) {
      thread.found = { head: thread.head, messages: thread.messages.length };
      thread.messages.push(...question);
    }
    return 'claimed';
  }

  rewind(jobId: string, attempt: number): boolean {
    const { thread } = this;
    if (thread?.claim?.jobId !== jobId || thread.claim.attempt !== attempt) return false;
    thread.head = thread.found?.head ?? null;
    return true;
  }

  leave(
    { jobId, status }: Pick<Ending, 'jobId' | 'status'>,
    said: readonly string[],
    questions: readonly Interrupt[],
  ): Left {
    const { thread } = this;
    if (thread === null) return { outcome: 'missing', next: null };
    let outcome: Left['outcome'] = 'over';
    if (thread.active === jobId) {
      outcome = thread.stop === 'rollback' ? 'undone' : 'left';
      if (outcome === 'undone') this.#undo(thread);
      else this.#keep(thread, jobId, { status, said, questions });
      Object.assign(thread, { active: null, claim: null, found: null, stop: null });
    } else if (thread.waiting.includes(jobId) || thread.expected.includes(jobId)) {
      outcome = 'left';
      thread.waiting = thread.waiting.filter((id) => id !== jobId);
      thread.expected = thread.expected.filter((id) => id !== jobId);
      thread.turns.push(jobId);
    }
    if (thread.active === null) {
      const next = thread.waiting.shift();
      if (next !== undefined) this.#giveTurn(thread, next);
    }
    return { outcome, next: thread.claim === null ? thread.active : null };
  }

  erase(): boolean {
    const { thread } = this;
    if (thread !== null && [thread.active, ...thread.waiting, ...thread.expected].some((id) => id !== null))
      return false;
    this.thread = null;
    return true;
  }

  #make(): ModelThread {
    this.thread = {
      ...{ active: null, waiting: [], expected: [], turns: [], claim: null, head: null, found: null, stop: null },
      ...{ questions: null, failed: false, last: null, messages: [] },
    };
    return this.thread;
  }

  #giveTurn(thread: ModelThread, jobId: string): void {
    thread.active = jobId;
    thread.turns.push(jobId);
  }

  #undo(thread: ModelThread): void {
    if (thread.found === null) return;
    thread.head = thread.found.head;
    thread.messages = thread.messages.slice(0, thread.found.messages);
  }

  #keep(
    thread: ModelThread,
    jobId: string,
    { status, said, questions }: { status: Ending['status']; said: readonly string[]; questions: readonly Interrupt[] },
  ): void {
    thread.messages.push(...said);
    thread.last = jobId;
    thread.failed = status === 'failed';
    const hasMoved = thread.found !== null && thread.found.head !== thread.head;
    if (questions.length > 0) thread.questions = questions;
    else if (status === 'completed' || hasMoved) thread.questions = null;
  }
}
