import { pause } from '../backoff.ts';
import { type MillraceError, NotFound } from '../errors.ts';
import type { ContentPart } from '../job-view.ts';
import type { Millrace } from '../millrace.ts';
import { newRequestId } from '../request-id.ts';
import type { WatchOptions } from '../resumed-events.ts';
import type { ForkOptions } from '../thread-view.ts';
import { Draft } from './draft.ts';
import { IGNORE, NEVER_GIVES_UP, patiently } from './follow.ts';
import { GivenTitle } from './given-title.ts';
import { cancel, Outbox, questionOf } from './outbox.ts';
import { problemOf } from './problem.ts';
import { Publisher } from './publisher.ts';
import type { ConversationMessage, ConversationProblem, ConversationSnapshot } from './snapshot.ts';
import type { ConversationStore, JobOptions } from './store.ts';
import { textOfContent } from './stored-steps.ts';
import { eraseThread, nameThread, nameUntitled, renameThread } from './thread-changes.ts';
import { ThreadNews } from './thread-news.ts';
import { ThreadSync } from './thread-sync.ts';
import { Transcript } from './transcript.ts';

const MAX_TITLE = 80;
/** How long what is on its way may take before it is taken back, milliseconds. */
const ANSWER_MS = 5000;
/** A first title is given up after some minutes: a process that only sent something must end. */
const NAMING = { ...NEVER_GIVES_UP, maxFailures: 20 };

export interface ConversationOptions {
  /** a thread that exists, or will with the first message; left out: a new one */
  readonly threadId?: string;
  /** the thread is `gone` where it does not exist, and no message makes it: for an address that others gave. Default: false */
  readonly mustExist?: boolean;
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
  private readonly title = new GivenTitle();
  private readonly news: ThreadNews;
  /** ends with another title */
  private naming = new AbortController();
  private isErasing = false;

  constructor(
    private readonly millrace: Millrace,
    private readonly options: ConversationOptions,
  ) {
    const { threadId = newRequestId(), mustExist = false } = options;
    const place = { threadId, isNew: options.threadId === undefined, mustExist };
    const onChange = () => this.publisher?.changed();
    this.sync = new ThreadSync(millrace, this.transcript, place, onChange, (error) => this.#fail(error));
    this.outbox = new Outbox(millrace, {
      threadId: (waiting) => this.#sendable(waiting),
      onChange: () => this.publisher.publish(),
      onAccepted: (draft, job) => {
        this.transcript.turn(job.id).look(job);
        if (this.sync.state === 'new') this.#begin(draft);
        else this.sync.again();
      },
      onRefused: (error) => this.#fail(error),
    });
    this.news = ThreadNews.of(millrace);
    const activity = { start: () => this.#start(), stop: () => this.#stop() };
    this.publisher = new Publisher(EMPTY, (former) => this.#build(former), activity);
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
    const { unsent } = this.transcript;
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
    this.title.now = title;
    this.publisher.publish();
    return this.#attempt(async () => {
      await this.sync.look({});
      // otherwise it goes with the first message
      if (this.sync.state === 'new') return;
      const named = this.#name(title, (threadId) => renameThread(this.millrace, threadId, title));
      // a first title that is still being given holds up this one
      this.naming.abort();
      await named;
    });
  }

  erase(): Promise<boolean> {
    return this.#attempt(async () => {
      this.isErasing = true;
      try {
        await this.#quiet();
        await eraseThread(this.millrace, this.sync.threadId);
        this.sync.erased();
      } finally {
        this.isErasing = false;
      }
    });
  }

  async reload(): Promise<void> {
    this.problem = null;
    await this.sync.reload();
    this.publisher.publish();
  }

  dismiss(): void {
    this.problem = null;
    this.sync.again();
    this.publisher.publish();
  }

  #start(): void {
    this.news.join(this, ({ threadId, title }) => {
      if (threadId !== this.sync.threadId || title === undefined) return;
      this.naming.abort();
      this.sync.named(title);
      this.publisher.publish();
    });
    this.sync.start();
    // its events do not tell of a title that it got meanwhile
    if (this.sync.state === 'ready') void this.sync.read();
  }

  #stop(): void {
    this.news.leave(this);
    // whoever comes back is told anew what is wrong then
    this.problem = null;
    this.sync.stop();
  }

  #send(draft: Draft): Promise<boolean> {
    this.problem = null;
    this.sync.again();
    this.transcript.drafts = [...this.transcript.drafts, draft];
    return this.outbox.send(draft);
  }

  /** @returns the thread to send to
   *  @throws NotFound it was erased: a message must not make it anew */
  async #sendable(waiting: WatchOptions): Promise<string> {
    if (!this.isErasing) await this.sync.look(waiting);
    if (this.sync.state === 'gone' || this.isErasing)
      throw new NotFound('THREAD_NOT_FOUND', 'the thread was erased, or never was');
    return this.sync.threadId;
  }

  /** Waits for what is on its way, and takes back the rest: what the server takes later would make an erased thread again. */
  async #quiet(): Promise<void> {
    this.naming.abort();
    const { unsent } = this.transcript;
    const [first, ...later] = unsent;
    for (const { stop } of later) stop.abort();
    // nobody can say whether the server still takes what is aborted: one that it has not answered yet is waited for
    if (first?.state === 'waiting') first.stop.abort();
    const isQuiet = Promise.all([this.outbox.idle(), this.title.idle()]);
    const late = new AbortController();
    await Promise.race([isQuiet, pause(ANSWER_MS, late.signal)]);
    late.abort();
    for (const { stop } of unsent) stop.abort();
    await this.outbox.idle();
  }

  /** The thread is there: it is followed from its first event. */
  #begin({ content }: Draft): void {
    this.sync.move(this.sync.threadId);
    const { titleOf = firstLine } = this.options;
    const title = this.title.now ?? (content === null ? '' : titleOf(textOfContent(content)));
    if (title === '' || this.isErasing) return;
    this.title.now = title;
    void this.#nameFirst(title);
  }

  /** What is lost on the way is given again, until somebody gives another title or erases the thread. */
  async #nameFirst(title: string): Promise<void> {
    this.naming = new AbortController();
    const { signal } = this.naming;
    let give = nameThread;
    const once = (threadId: string) => {
      const given = give(this.millrace, threadId, title);
      give = nameUntitled;
      return given;
    };
    const patient = async (threadId: string) => {
      const stored = await patiently(signal, IGNORE, () => once(threadId), NAMING);
      signal.throwIfAborted();
      return stored;
    };
    try {
      await this.#name(title, patient);
    } catch (error) {
      if (!signal.aborted) this.#fail(error as MillraceError);
      // nobody knows which of two titles came last
      else if (!this.isErasing) void this.sync.read();
    }
    this.publisher.publish();
  }

  /** Gives the thread a title, after those that were given before.
   *  @param give returns the title that the thread has then */
  #name(title: string, give: (threadId: string) => Promise<string>): Promise<void> {
    const { threadId } = this.sync;
    return this.title.store(title, async () => {
      const stored = await give(threadId);
      if (threadId === this.sync.threadId) this.sync.named(stored);
      this.news.tell(this, { threadId, title: stored });
    });
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
    const { id } = await this.millrace.threads.resume(this.sync.threadId).fork(place);
    this.news.tell(this, { threadId: id });
    return id;
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

  #build(former: ConversationSnapshot): ConversationSnapshot {
    const now = this.#draw(former);
    const { activity, state, threadId } = now;
    // what is being sent is not in any list yet
    const isOther =
      (activity !== former.activity && activity !== 'sending') || (state === 'gone') !== (former.state === 'gone');
    if (isOther) this.news.tell(this, { threadId, isGone: state === 'gone' });
    return now;
  }

  #draw(former: ConversationSnapshot): ConversationSnapshot {
    const { sync, transcript, problem } = this;
    const { now: title } = this.title;
    const metadata = same(former.metadata, title === null ? sync.metadata : { ...sync.metadata, title });
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
    return this.transcript.unsent.length > 0 ? 'sending' : 'idle';
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
