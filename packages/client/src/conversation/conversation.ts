import { type MillraceError, NotFound } from '../errors.ts';
import type { ContentPart } from '../job-view.ts';
import type { Millrace } from '../millrace.ts';
import { newRequestId } from '../request-id.ts';
import type { ForkOptions } from '../thread-view.ts';
import { Draft } from './draft.ts';
import { cancel, Outbox, questionOf } from './outbox.ts';
import { problemOf } from './problem.ts';
import { Publisher } from './publisher.ts';
import { renameThread } from './rename-thread.ts';
import type { ConversationMessage, ConversationProblem, ConversationSnapshot } from './snapshot.ts';
import type { ConversationStore, JobOptions } from './store.ts';
import { textOfContent } from './stored-steps.ts';
import { ThreadSync } from './thread-sync.ts';
import { Transcript } from './transcript.ts';

const MAX_TITLE = 80;

export interface ConversationOptions {
  /** a thread that exists; left out: a new one, which is made with the first message */
  readonly threadId?: string;
  /** how messages are to be answered, unless they say otherwise */
  readonly job?: JobOptions;
  /** the title of a new thread; default: the first line of the first question */
  readonly titleOf?: (question: string) => string;
}

/** A conversation, as a page shows it: follows a thread on the server while somebody subscribes. */
export function createConversation(millrace: Millrace, options: ConversationOptions = {}): ConversationStore {
  return new Conversation(millrace, options);
}

class Conversation implements ConversationStore {
  private readonly transcript = new Transcript();
  private readonly sync: ThreadSync;
  private readonly outbox: Outbox;
  private readonly publisher: Publisher<ConversationSnapshot>;
  private problem: ConversationProblem | null = null;
  /** given here, and not known to be stored */
  private title: string | null = null;

  constructor(
    private readonly millrace: Millrace,
    private readonly options: ConversationOptions,
  ) {
    const { threadId = newRequestId() } = options;
    const place = { threadId, isNew: options.threadId === undefined };
    const onChange = () => this.publisher?.changed();
    this.sync = new ThreadSync(millrace, this.transcript, place, onChange, (error) => this.#fail(error));
    this.outbox = new Outbox(millrace, {
      threadId: () => this.#sendable(),
      onChange: () => this.publisher.publish(),
      onAccepted: (draft, job) => {
        this.transcript.turn(job.id).look(job);
        if (this.sync.state === 'new') this.#begin(draft);
        else this.sync.again();
      },
      onRefused: (error) => this.#fail(error),
    });
    const activity = { start: () => this.sync.start(), stop: () => this.sync.stop() };
    this.publisher = new Publisher(EMPTY, (former) => this.#draw(former), activity);
    this.publisher.publish();
    this.subscribe = this.publisher.subscribe;
    this.getSnapshot = this.publisher.getSnapshot;
  }

  readonly subscribe: ConversationStore['subscribe'];
  readonly getSnapshot: ConversationStore['getSnapshot'];

  send(content: string | readonly ContentPart[], options: JobOptions = {}): Promise<boolean> {
    return this.#send(new Draft({ ...this.options.job, ...options, ...questionOf(content) }, content));
  }

  start(input: Readonly<Record<string, unknown>>, options: JobOptions = {}): Promise<boolean> {
    return this.#send(new Draft({ ...this.options.job, ...options, input }, null));
  }

  resume(value: unknown, options: JobOptions = {}): Promise<boolean> {
    return this.#send(new Draft({ ...this.options.job, ...this.#optionsOfLast(), ...options, resume: value }, null));
  }

  stop(jobId?: string): Promise<boolean> {
    const unsent = this.transcript.drafts.filter(({ state }) => state === 'sending' || state === 'waiting');
    const open = [...this.transcript.turns.values()].filter((turn) => turn.isOpen && !turn.isUndone);
    const id = jobId ?? (open.find(({ status }) => status === 'active') ?? open[0])?.id ?? this.sync.view?.activeJob;
    if (id === undefined || id === null) {
      for (const draft of unsent) draft.stop.abort();
      return Promise.resolve(unsent.length > 0);
    }
    return this.#attempt(async () => {
      const record = await cancel(this.millrace, id);
      // that it was cancelled is shown at once; everything else comes with the events
      this.transcript.turns.get(id)?.look(record);
    });
  }

  async retry(id: string, options: JobOptions = {}): Promise<boolean> {
    const draft = this.transcript.drafts.find((each) => each.id === id);
    if (draft?.state === 'refused') return this.outbox.send(draft);
    const message = this.#message(id);
    if (message === undefined) return this.#unknown();
    if (draft === undefined || draft.jobId === null) await this.#untilStored(message.jobId);
    const { jobId } = message;
    const question = this.transcript.stored.find((each) => each.role === 'user' && each.jobId === jobId);
    const asked = { ...this.#optionsOf(jobId), ...options };
    if (question !== undefined && jobId !== null) return this.#askInFork(question, question.content, asked);
    // its thread has nothing of it
    const own = this.transcript.drafts.find((each) => each.jobId === jobId);
    if (own === undefined || own.content === null || jobId === null) return this.#unknown();
    this.transcript.drafts = this.transcript.drafts.filter((each) => each !== own);
    this.transcript.turn(jobId).isUndone = true;
    return this.#send(new Draft({ ...own.job, ...options }, own.content));
  }

  async edit(id: string, content: string | readonly ContentPart[], options: JobOptions = {}): Promise<boolean> {
    const draft = this.transcript.drafts.find((each) => each.id === id);
    if (draft?.state === 'refused') {
      this.transcript.drafts = this.transcript.drafts.filter((each) => each !== draft);
      return this.#send(new Draft({ ...draft.job, ...options, ...questionOf(content) }, content));
    }
    await this.#untilStored(this.#message(id)?.jobId ?? null);
    const message = this.#message(id);
    const messageId = message?.role === 'user' ? message.messageId : null;
    const question = this.transcript.stored.find((each) => each.messageId === messageId);
    if (message === undefined || messageId === null || question === undefined) return this.#unknown();
    return this.#askInFork(question, content, { ...this.#optionsOf(message.jobId), ...options });
  }

  async fork(id: string): Promise<string | null> {
    await this.#untilStored(this.#message(id)?.jobId ?? null);
    const message = this.#message(id);
    const isUser = message !== undefined && message.role !== 'assistant';
    const messageId = isUser ? message.messageId : (message?.id ?? null);
    const jobId = isUser ? null : (message?.jobId ?? null);
    const after = jobId !== null ? { jobId } : messageId !== null ? { messageId } : null;
    if (after === null) {
      this.#unknown();
      return null;
    }
    let made: string | null = null;
    await this.#attempt(async () => {
      made = await this.#fork({ after });
    });
    return made;
  }

  rename(title: string): Promise<boolean> {
    this.title = title;
    this.publisher.publish();
    if (this.sync.state === 'new') return Promise.resolve(true);
    return this.#attempt(() => renameThread(this.millrace, this.sync.threadId, title));
  }

  erase(): Promise<boolean> {
    return this.#attempt(async () => {
      if (this.sync.state !== 'new') await this.millrace.threads.resume(this.sync.threadId).erase();
      this.sync.erased();
    });
  }

  async reload(): Promise<void> {
    this.problem = null;
    await this.sync.reload();
    this.publisher.publish();
  }

  dismiss(): void {
    this.problem = null;
    this.publisher.publish();
  }

  #send(draft: Draft): Promise<boolean> {
    this.problem = null;
    this.sync.again();
    this.transcript.drafts = [...this.transcript.drafts, draft];
    return this.outbox.send(draft);
  }

  /** @returns the thread to send to
   *  @throws NotFound it was erased: a message must not make it anew */
  #sendable(): string {
    if (this.sync.state === 'gone') throw new NotFound('THREAD_NOT_FOUND', 'the thread was erased, or never was');
    return this.sync.threadId;
  }

  /** The thread is there: it is followed from its first event. */
  #begin({ content }: Draft): void {
    this.sync.move(this.sync.threadId);
    const { titleOf = firstLine } = this.options;
    const title = this.title ?? (content === null ? '' : titleOf(textOfContent(content)));
    if (title === '') return;
    this.title = title;
    void this.#attempt(() => this.#storeTitle(title));
  }

  async #storeTitle(title: string): Promise<void> {
    await this.millrace.threads.create({ id: this.sync.threadId, metadata: { title } });
  }

  /** Goes on in a thread that has everything before a message. */
  #askInFork(
    question: { readonly messageId?: string },
    content: string | readonly ContentPart[],
    options: JobOptions,
  ): Promise<boolean> {
    const { messageId } = question;
    const place = this.transcript.stored.findIndex((each) => each.messageId === messageId);
    if (messageId === undefined || place === -1) return Promise.resolve(this.#unknown());
    const draft = new Draft({ ...this.options.job, ...options, ...questionOf(content) }, content);
    return this.#attempt(async () => {
      const threadId = await this.#fork({ before: { messageId } });
      this.transcript.cut(place);
      this.sync.move(threadId);
      await this.#send(draft);
      return draft.state === 'sent';
    });
  }

  async #fork(place: ForkOptions): Promise<string> {
    return (await this.millrace.threads.resume(this.sync.threadId).fork(place)).id;
  }

  /** What is known of how a job was asked. */
  #optionsOf(jobId: string | null): JobOptions {
    const record = jobId === null ? null : (this.transcript.turns.get(jobId)?.record ?? null);
    if (record === null) return {};
    return { pipeline: record.pipeline, ...(record.pipeline === 'chat' ? { model: record.model } : {}) };
  }

  /** An agent's question is answered to that agent. */
  #optionsOfLast(): JobOptions {
    const last = [...this.transcript.turns.values()].findLast(({ record }) => record !== null);
    return last === undefined ? {} : this.#optionsOf(last.id);
  }

  #message(id: string): ConversationMessage | undefined {
    return this.transcript.messages().find((message) => message.id === id);
  }

  /** What a job was asked gets its id on the server when the job begins. */
  async #untilStored(jobId: string | null): Promise<void> {
    if (jobId === null || this.transcript.isStored(jobId)) return;
    await this.sync.read();
  }

  #unknown(): boolean {
    const message = 'the thread does not have this message, or not yet';
    this.problem = {
      code: 'THREAD_NOT_FOUND',
      message,
      requestId: null,
      remedy: 'reload',
      retryAfterMs: null,
      fields: [],
    };
    this.publisher.publish();
    return false;
  }

  #fail(error: MillraceError): void {
    this.problem = problemOf(error);
    this.publisher.publish();
  }

  /** @param work may give false: it did not succeed
   *  @returns whether it succeeded; what went wrong is the snapshot's problem */
  async #attempt(work: () => Promise<unknown>): Promise<boolean> {
    this.problem = null;
    this.sync.again();
    try {
      const outcome = await work();
      return outcome !== false;
    } catch (error) {
      this.problem = problemOf(error);
      return false;
    } finally {
      this.publisher.publish();
    }
  }

  #draw(former: ConversationSnapshot): ConversationSnapshot {
    const { sync, transcript, problem } = this;
    const stored = sync.view?.metadata ?? NO_METADATA;
    if (stored['title'] === this.title) this.title = null;
    const metadata = same(former.metadata, this.title === null ? stored : { ...stored, title: this.title });
    const messages = transcript.messages();
    const activity = this.#activity();
    const isSame =
      messages.length === former.messages.length && messages.every((each, i) => each === former.messages[i]);
    const snapshot: ConversationSnapshot = {
      ...{ threadId: sync.threadId, state: sync.state, title: metadata['title'] ?? null, metadata },
      messages: isSame ? former.messages : messages,
      activity,
      questions: same(former.questions, activity === 'idle' ? sync.questions : []),
      ...{ connection: sync.connection, problem },
    };
    const names = Object.keys(snapshot) as (keyof ConversationSnapshot)[];
    return names.every((name) => snapshot[name] === former[name]) ? former : snapshot;
  }

  #activity(): ConversationSnapshot['activity'] {
    const open = [...this.transcript.turns.values()].filter((turn) => turn.isOpen && !turn.isUndone);
    if (open.some(({ status }) => status === 'active')) return 'running';
    if (open.length > 0) return 'queued';
    const isSending = this.transcript.drafts.some(({ state }) => state === 'sending' || state === 'waiting');
    return isSending ? 'sending' : 'idle';
  }
}

const NO_METADATA: ConversationSnapshot['metadata'] = {};
const EMPTY: ConversationSnapshot = {
  ...{ threadId: '', state: 'new', title: null, metadata: NO_METADATA, messages: [], activity: 'idle' },
  ...{ questions: [], connection: { state: 'idle' }, problem: null },
};

/** @returns the former value, if it says the same */
function same<T>(former: T, now: T): T {
  return JSON.stringify(former) === JSON.stringify(now) ? former : now;
}

function firstLine(question: string): string {
  const line = question.trim().split('\n', 1)[0] ?? '';
  return line.length > MAX_TITLE ? `${line.slice(0, MAX_TITLE - 1)}…` : line;
}
