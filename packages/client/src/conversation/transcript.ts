import type { ThreadMessage } from '../thread-view.ts';
import type { Draft } from './draft.ts';
import { JobTurn, plainAnswer } from './job-turn.ts';
import type { ConversationMessage, UserMessage } from './snapshot.ts';
import { partsOfContent } from './stored-steps.ts';

/** The messages of a conversation, from what the thread keeps, what its jobs say, and what is being sent. */
export class Transcript {
  /** oldest first */
  stored: readonly ThreadMessage[] = [];
  /** by id, in the order in which they became known */
  readonly turns = new Map<string, JobTurn>();
  /** what was sent from here and is not stored yet, oldest first */
  drafts: readonly Draft[] = [];
  /** ids that messages had before they were stored, by job */
  private readonly firstIds = new Map<string, string>();
  private drawn = new Map<ThreadMessage, ConversationMessage>();

  turn(jobId: string): JobTurn {
    const turn = this.turns.get(jobId) ?? new JobTurn(jobId);
    this.turns.set(jobId, turn);
    return turn;
  }

  /** What the server does not have yet. */
  get unsent(): readonly Draft[] {
    return this.drafts.filter(({ state }) => state === 'sending' || state === 'waiting');
  }

  isStored(jobId: string): boolean {
    return this.stored.some((message) => message.jobId === jobId);
  }

  /** Whether the question of a job is known. */
  hasQuestion(jobId: string): boolean {
    return this.drafts.some((draft) => draft.jobId === jobId) || this.isStored(jobId);
  }

  /** Takes what the thread keeps, and lets go of the drafts that are among it. */
  store(messages: readonly ThreadMessage[]): void {
    this.stored = messages;
    const known = new Set(messages.map(({ jobId }) => jobId));
    const asked = new Set(messages.filter(({ role }) => isAsked(role)).map(({ jobId }) => jobId));
    this.drafts = this.drafts.filter(({ jobId, id, content }) => {
      if (jobId === null || !(content === null ? known : asked).has(jobId)) return true;
      this.firstIds.set(jobId, id);
      return false;
    });
  }

  /** Keeps what comes before a message. */
  cut(place: number): void {
    this.stored = this.stored.slice(0, place);
    this.drafts = [];
    for (const jobId of this.turns.keys()) if (!this.isStored(jobId)) this.turns.delete(jobId);
  }

  clear(): void {
    this.stored = [];
    this.turns.clear();
  }

  /** Forgets what was said and sent; what the server does not have yet is taken back, and stays to be seen. */
  erase(): void {
    this.clear();
    this.firstIds.clear();
    for (const { stop } of this.unsent) stop.abort();
    this.drafts = this.drafts.filter(({ state }) => state !== 'sent');
  }

  /** Forgets what jobs have said, since it comes again; their records tell how they were asked.
   *  @returns the jobs whose records may say something else by now */
  restart(): readonly string[] {
    const before = [...this.turns.values()];
    this.turns.clear();
    for (const { id, record, isUndone } of before) {
      if (record === null) continue;
      const turn = this.turn(id);
      turn.look(record);
      turn.isUndone = isUndone;
    }
    return before.filter(({ record, isOpen }) => record === null || isOpen).map(({ id }) => id);
  }

  /** Judges a job whose record was asked for.
   *  @param isThere false: it is gone, and what it would say does not come */
  settle(jobId: string, isThere: boolean): void {
    const turn = this.turns.get(jobId);
    if (turn === undefined) return;
    if (!isThere && !turn.isLive && turn.isOpen) this.turns.delete(jobId);
    else turn.isUndone = turn.cancelledBy === 'thread' && !this.isStored(jobId);
  }

  /** Oldest first. A message that has not changed is the same object as before. */
  messages(): readonly ConversationMessage[] {
    const messages: ConversationMessage[] = [];
    const placed = new Set<string>();
    const drawn = new Map<ThreadMessage, ConversationMessage>();
    const answer = (turn: JobTurn) => {
      if (placed.has(turn.id) || turn.isUndone) return;
      placed.add(turn.id);
      messages.push(turn.message());
    };
    const lastOf = new Map(this.stored.map(({ jobId }, place) => [jobId, place]));
    for (let place = 0; place < this.stored.length; ) {
      const group = this.#groupAt(place);
      const [first] = group;
      if (first === undefined) break;
      place += group.length;
      const { jobId } = first;
      const isLast = jobId !== null && lastOf.get(jobId) === place - 1;
      if (isLast && !isAsked(first.role)) {
        const turn = this.turn(jobId);
        turn.keep(group);
        answer(turn);
        continue;
      }
      const message = this.drawn.get(first) ?? this.#draw(first, group, place);
      drawn.set(first, message);
      messages.push(message);
      const turn = isLast ? this.turns.get(jobId) : undefined;
      if (turn !== undefined) answer(turn);
    }
    this.drawn = drawn;
    const drafted = new Set(this.drafts.map(({ jobId }) => jobId));
    for (const turn of this.turns.values()) {
      if (!drafted.has(turn.id) && (turn.isLive || turn.isOpen || this.#isAlone(turn))) answer(turn);
    }
    for (const draft of this.drafts) {
      const turn = draft.jobId === null ? undefined : this.turns.get(draft.jobId);
      if (turn?.isUndone) continue;
      if (draft.message !== null) messages.push(draft.message);
      if (turn !== undefined) answer(turn);
    }
    return messages;
  }

  /** An agent whose state has no messages answers all the same. */
  #isAlone(turn: JobTurn): boolean {
    return this.stored.length === 0 && turn.status !== 'cancelled';
  }

  /** A message of a person, or those that one job said in a row. */
  #groupAt(place: number): readonly ThreadMessage[] {
    const [first] = this.stored.slice(place, place + 1);
    if (first === undefined || isAsked(first.role)) return this.stored.slice(place, place + 1);
    let end = place + 1;
    for (let next = this.stored[end]; next !== undefined; next = this.stored[end]) {
      if (isAsked(next.role) || next.jobId !== first.jobId) break;
      end += 1;
    }
    return this.stored.slice(place, end);
  }

  #draw(first: ThreadMessage, group: readonly ThreadMessage[], place: number): ConversationMessage {
    const { role, jobId, messageId = null, content } = first;
    const id = messageId ?? `stored-${place}`;
    if (!isAsked(role)) return plainAnswer(group, id);
    const sent = { state: 'sent', problem: null } as const;
    const firstId = role === 'user' && jobId !== null ? this.firstIds.get(jobId) : undefined;
    return { role, id: firstId ?? id, messageId, jobId, parts: partsOfContent(content), ...sent };
  }
}

function isAsked(role: ThreadMessage['role']): role is UserMessage['role'] {
  return role === 'user' || role === 'system' || role === 'developer';
}
