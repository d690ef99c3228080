import { pause } from '../backoff.ts';
import type { MillraceError } from '../errors.ts';
import type { Interrupt, JobView } from '../job-view.ts';
import type { Millrace } from '../millrace.ts';
import type { Reconnection, WatchOptions } from '../resumed-events.ts';
import type { Thread, ThreadEvent } from '../thread.ts';
import type { ThreadView } from '../thread-view.ts';
import { follow, IGNORE, patiently } from './follow.ts';
import type { ConnectionState, ConversationSnapshot } from './snapshot.ts';
import { ThreadContents } from './thread-contents.ts';
import type { Transcript } from './transcript.ts';

/** The place before the first job of a thread. @see PROTOCOL.md §10 */
const THREAD_START = '0/0-0';
/** How many of the newest jobs are looked at for what messages do not tell: model, usage, times, errors. */
const JOBS = 100;
/** How often the place in the queue is asked for, milliseconds, and of how many jobs. */
const POSITION_MS = 2000;
const POSITIONS = 3;
/** How often, and after which multiples of how long (milliseconds), the question of another device's job is looked for. */
const MAX_SEARCHES = 5;
const SEARCH_MS = 200;
/** How long a device that asks the first question may take to store the title, milliseconds. */
const TITLE_MS = 2000;

const NO_METADATA: ThreadView['metadata'] = {};

/** Keeps a transcript like the thread on the server: reads what the thread holds, then follows what happens in it. */
export class ThreadSync {
  state: ConversationSnapshot['state'];
  connection: ConnectionState = { state: 'idle' };
  /** the thread, as read last */
  view: ThreadView | null = null;
  questions: readonly Interrupt[] = [];
  /** what the thread has got since it was read; null: nothing */
  private title: string | null = null;
  private contents: ThreadContents;
  private thread: Thread;
  /** nobody has seen it yet: where it is not found, it is to be made */
  private mayBeNew: boolean;
  /** somebody wants it to be followed */
  private isWanted = false;
  private isRunning = false;
  /** ends with what is known of this thread, or with the last who looks */
  private session = new AbortController();
  private reading: Promise<void> | null = null;
  private isReadDue = false;
  /** jobs whose records are to be read */
  private readonly due = new Set<string>();

  /** @param onChange something has changed
   *  @param onError the server refuses, and will again: `again` tries it all the same */
  constructor(
    private readonly millrace: Millrace,
    private readonly transcript: Transcript,
    place: { readonly threadId: string; readonly isNew: boolean; readonly mustExist: boolean },
    private readonly onChange: () => void,
    private readonly onError: (error: MillraceError) => void,
  ) {
    this.state = place.isNew ? 'new' : 'loading';
    this.mayBeNew = !place.isNew && !place.mustExist;
    this.thread = millrace.threads.resume(place.threadId);
    this.contents = new ThreadContents(this.thread);
  }

  get threadId(): string {
    return this.thread.id;
  }

  get metadata(): ThreadView['metadata'] {
    const { view, title } = this;
    return title === null ? (view?.metadata ?? NO_METADATA) : { ...view?.metadata, title };
  }

  /** Goes to a thread that exists, and of which everything is known. */
  move(threadId: string): void {
    this.#halt();
    this.due.clear();
    // what runs in the thread before is not this one's to stop
    if (this.view !== null) this.view = { ...this.view, id: threadId, activeJob: null, interrupts: [] };
    this.thread = this.millrace.threads.resume({ id: threadId, lastEventId: THREAD_START });
    this.contents = new ThreadContents(this.thread, this.transcript.stored);
    this.state = 'ready';
    this.mayBeNew = false;
    this.questions = [];
    this.again();
  }

  start(): void {
    this.isWanted = true;
    this.again();
  }

  /** Follows the thread, if that is wanted and a refusal has ended it. */
  again(): void {
    if (!this.isWanted || this.isRunning || this.state === 'new' || this.state === 'gone') return;
    this.isRunning = true;
    this.connection = { state: 'connecting' };
    this.onChange();
    const { signal } = this.session;
    void this.#watchPositions(signal);
    const refused = (error: MillraceError) => {
      this.#halt();
      this.#refused(error);
    };
    void during(signal, refused, async () => {
      const onOpen = () => {
        this.connection = { state: 'connected' };
        this.mayBeNew = false;
        // without a cursor the stream begins now: what was before is read
        if (this.state !== 'ready' || this.thread.lastEventId === null) void this.read();
        this.onChange();
      };
      const onReconnect = (reconnection: Reconnection) => this.#reconnecting(reconnection);
      const onEvent = (event: ThreadEvent) => {
        // one that was on its way when this ended
        if (!signal.aborted) this.#take(event);
      };
      await follow(() => this.#resumed(), { onOpen, onReconnect, onEvent }, signal);
      this.#gone();
    });
  }

  stop(): void {
    this.isWanted = false;
    this.#halt();
  }

  #halt(): void {
    this.session.abort();
    this.session = new AbortController();
    this.isRunning = false;
    this.reading = null;
    this.isReadDue = false;
    this.connection = { state: 'idle' };
    this.onChange();
  }

  /** Reads what the thread holds; while it is being read, once more afterwards. */
  read(): Promise<void> {
    this.isReadDue = true;
    if (this.reading !== null) return this.reading;
    const { signal } = this.session;
    const refused = (error: MillraceError) => this.#refused(error);
    const reading = during(signal, refused, async () => {
      while (this.isReadDue) {
        this.isReadDue = false;
        await patiently(signal, IGNORE, () => this.#readOnce(signal));
        this.onChange();
      }
    }).finally(() => {
      if (this.reading === reading) this.reading = null;
    });
    this.reading = reading;
    return reading;
  }

  /** Finds out whether the thread is there, for a message that may be the first.
   *  @throws the signal's reason */
  async look({ signal = new AbortController().signal, onReconnect = () => undefined }: WatchOptions): Promise<void> {
    if (this.state !== 'loading' || !this.mayBeNew) return;
    try {
      await patiently(signal, onReconnect, () => this.thread.get({ signal }));
    } catch (error) {
      signal.throwIfAborted();
      if ((error as MillraceError).code === 'THREAD_NOT_FOUND' && this.mayBeNew) this.#isNew();
      // any other refusal is that of the message, too
    }
  }

  /** Takes the title that the thread has been given. */
  named(title: string): void {
    this.title = title;
    // what is being read may be older
    if (this.reading !== null) this.isReadDue = true;
  }

  /** Forgets what is known, and begins anew. */
  async reload(): Promise<void> {
    if (this.state === 'new' && !this.mayBeNew) return;
    this.#halt();
    this.due.clear();
    this.transcript.clear();
    this.thread = this.millrace.threads.resume(this.threadId);
    this.contents = new ThreadContents(this.thread);
    this.state = 'loading';
    this.again();
    await this.read();
  }

  erased(): void {
    this.#gone();
    this.transcript.drafts = [];
  }

  /** A handle from where the one before came to. */
  #resumed(): Thread {
    this.thread = this.millrace.threads.resume(this.thread.toJSON());
    return this.thread;
  }

  async #readOnce(signal: AbortSignal): Promise<void> {
    const isFirst = this.state !== 'ready';
    const due = [...this.due];
    const [view, messages, records] = await Promise.all([
      this.thread.get({ signal }),
      this.contents.read({ signal }),
      isFirst ? this.#jobs(signal) : Promise.all(due.map((id) => this.#job(id, signal))),
    ]);
    signal.throwIfAborted();
    this.view = view;
    // it has been read since, unless it is to be read once more
    if (!this.isReadDue) this.title = null;
    this.mayBeNew = false;
    this.transcript.store(messages);
    for (const record of records.toReversed()) if (record !== null) this.transcript.turn(record.id).look(record);
    for (const [place, id] of due.entries()) {
      this.due.delete(id);
      this.transcript.settle(id, isFirst || records[place] !== null);
    }
    if (view.activeJob === null) this.questions = view.interrupts;
    this.state = 'ready';
    if (isFirst && view.status === 'busy' && view.metadata['title'] === undefined) void this.#readLater(signal);
  }

  /** No event tells of a title, and a thread's first question is there before its title. */
  async #readLater(signal: AbortSignal): Promise<void> {
    try {
      await pause(TITLE_MS, signal);
      await this.read();
    } catch {
      // nobody follows any more
    }
  }

  /** A token for one thread may not list jobs. */
  async #jobs(signal: AbortSignal): Promise<readonly JobView[]> {
    try {
      return (await this.millrace.jobs.list({ threadId: this.threadId, limit: JOBS }, { signal })).items;
    } catch (error) {
      if (isRefusal(error, [403, 404])) return [];
      throw error;
    }
  }

  /** @returns null: it has expired, or may not be seen */
  async #job(id: string, signal: AbortSignal): Promise<JobView | null> {
    try {
      return await this.millrace.jobs.resume(id).get({ signal, include: [] });
    } catch (error) {
      if (isRefusal(error, [403, 404, 410])) return null;
      throw error;
    }
  }

  #take(event: ThreadEvent): void {
    const { jobId, type } = event;
    this.onChange();
    if (type === 'reset' && event.id.endsWith('/0-0')) {
      // events were lost: what there still is comes again
      for (const id of this.transcript.restart()) this.due.add(id);
      void this.read();
      return;
    }
    const turn = this.transcript.turn(jobId);
    const hasEnded = turn.apply(event);
    if (type === 'started') this.questions = [];
    if (hasEnded) {
      this.questions = turn.questions;
      this.due.add(jobId);
      void this.read();
    } else if (type === 'started') void this.#findQuestion(jobId);
  }

  /** A job that another device has sent: its worker stores the question soon after it has begun. */
  async #findQuestion(jobId: string): Promise<void> {
    const { signal } = this.session;
    for (let search = 1; search <= MAX_SEARCHES; search += 1) {
      if (signal.aborted || this.transcript.hasQuestion(jobId)) return;
      await this.read();
      if (this.transcript.hasQuestion(jobId) || !this.transcript.turn(jobId).isOpen) return;
      try {
        await pause(search * SEARCH_MS, signal);
      } catch {
        return; // nobody follows any more
      }
    }
  }

  #reconnecting({ delayMs }: Reconnection): void {
    const now = Date.now();
    const since = this.connection.state === 'reconnecting' ? this.connection.since : now;
    this.connection = { state: 'reconnecting', since, nextTryAt: now + delayMs };
    this.onChange();
  }

  #refused(error: MillraceError): void {
    if (error.code === 'THREAD_NOT_FOUND') {
      if (this.mayBeNew) this.#isNew();
      else this.#gone();
      return;
    }
    if (this.state === 'loading') this.state = 'failed';
    this.onError(error);
  }

  /** There is nothing to follow before the first message. */
  #isNew(): void {
    this.#halt();
    this.state = 'new';
    this.onChange();
  }

  /** Nothing of an erased thread is shown any longer. */
  #gone(): void {
    this.#halt();
    this.state = 'gone';
    this.view = null;
    this.title = null;
    this.questions = [];
    this.due.clear();
    this.transcript.erase();
    this.onChange();
  }

  async #watchPositions(signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await pause(POSITION_MS, signal);
        await this.#lookAtQueue(signal);
      }
    } catch {
      // nobody follows any more
    }
  }

  async #lookAtQueue(signal: AbortSignal): Promise<void> {
    const queued = [...this.transcript.turns.values()].filter((turn) => turn.status === 'queued' && !turn.isUndone);
    try {
      for (const turn of queued.slice(0, POSITIONS)) turn.look(await this.#job(turn.id, signal));
    } catch {
      // the next time may succeed
    }
    if (queued.length > 0) this.onChange();
  }
}

/** Runs what ends with a signal, and tells why it has ended otherwise. */
async function during(
  signal: AbortSignal,
  refused: (error: MillraceError) => void,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!signal.aborted) refused(error as MillraceError);
  }
}

function isRefusal(error: unknown, statuses: readonly number[]): boolean {
  return statuses.includes((error as MillraceError).status ?? 0);
}
