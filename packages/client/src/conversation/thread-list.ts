import { Backoff } from '../backoff.ts';
import { BadAnswer, MillraceError, NotFound } from '../errors.ts';
import type { Millrace } from '../millrace.ts';
import type { ThreadPage, ThreadView } from '../thread-view.ts';
import { NEVER_GIVES_UP } from './follow.ts';
import { InOrder } from './in-order.ts';
import { problemOf } from './problem.ts';
import { Publisher } from './publisher.ts';
import type { ConversationProblem } from './snapshot.ts';
import type { ThreadListSnapshot, ThreadListStore } from './store.ts';
import { renameThread } from './thread-changes.ts';
import { ThreadNews } from './thread-news.ts';

/** How many threads a page of the list has. */
const PAGE_SIZE = 30;
/** How soon a list is read again that says who is being answered, or lacks threads, milliseconds: nobody tells of their ends. Doubled each
 *  time, up to the second: a page that is left open must not use up what its caller may ask for. */
const LOOK_MS = 10_000;
const MAX_LOOK_MS = 160_000;
/** How many threads of later pages are looked at when the list is renewed. */
const MAX_LOOKS = 5;
/** A search may give empty pages: how many are asked for at a time. */
const MAX_EMPTY_PAGES = 10;

/** The caller's threads: the first page is read when somebody subscribes. */
export function createThreadList(millrace: Millrace): ThreadListStore {
  return new ThreadList(millrace);
}

class ThreadList implements ThreadListStore {
  private state: ThreadListSnapshot['state'] = 'loading';
  private threads: readonly ThreadView[] = [];
  private nextCursor: string | null = null;
  private isIncomplete = false;
  private isLoadingMore = false;
  private text: string | null = null;
  /** what `threads` were searched for */
  private textOfThreads: string | null = null;
  private isRenewalDue = false;
  /** why what a person asked for could not be done */
  private problem: ConversationProblem | null = null;
  /** why the list could not be read */
  private unread: ConversationProblem | null = null;
  /** what has become of threads since the reading of the moment began: a title, or null for one that was erased */
  private readonly changes = new Map<string, string | null>();
  /** threads that something else has become of */
  private readonly told = new Set<string>();
  /** the reading of the moment: an older one that comes later is void */
  private reading: AbortController | null = null;
  private readonly backoff = new Backoff(NEVER_GIVES_UP);
  private timer: ReturnType<typeof setTimeout> | undefined;
  private lookMs = LOOK_MS;
  private readonly names = new InOrder();
  private readonly news: ThreadNews;
  private readonly publisher: Publisher<ThreadListSnapshot>;

  constructor(private readonly millrace: Millrace) {
    this.news = ThreadNews.of(millrace);
    const activity = { start: () => this.#start(), stop: () => this.#stop() };
    this.publisher = new Publisher(this.#draw(), () => this.#draw(), activity);
    this.subscribe = this.publisher.subscribe;
    this.getSnapshot = this.publisher.getSnapshot;
  }

  readonly subscribe: ThreadListStore['subscribe'];
  readonly getSnapshot: ThreadListStore['getSnapshot'];

  refresh(): Promise<void> {
    this.lookMs = LOOK_MS;
    return this.#read({ cursor: null });
  }

  async loadMore(): Promise<void> {
    // while something else is searched for, the cursor is that of what is still shown
    if (this.nextCursor === null || this.isLoadingMore || this.text !== this.textOfThreads) return;
    await this.#read({ cursor: this.nextCursor });
  }

  search(text: string | null): Promise<void> {
    this.text = text === '' ? null : text;
    return this.refresh();
  }

  async rename(id: string, title: string): Promise<boolean> {
    return this.#attempt(async () => {
      await this.names.run(() => renameThread(this.millrace, id, title));
      this.#change(id, title);
      this.news.tell(this, { threadId: id, title });
    });
  }

  async erase(id: string): Promise<boolean> {
    return this.#attempt(async () => {
      await this.millrace.threads.resume(id).erase();
      this.#change(id, null);
      this.news.tell(this, { threadId: id, isGone: true });
    });
  }

  #start(): void {
    this.news.join(this, ({ threadId, title, isGone = false }) => {
      if (isGone) this.#change(threadId, null);
      else if (title !== undefined) this.#change(threadId, title);
      this.told.add(threadId);
      this.publisher.publish();
      this.lookMs = LOOK_MS;
      this.isRenewalDue = true;
      // what is being read may be older, and whoever asked for it waits for it
      if (this.reading === null) this.#renew();
    });
    void this.refresh();
  }

  /** Shows what has become of a thread, whatever an older answer says.
   *  @param title null: it was erased */
  #change(id: string, title: string | null): void {
    if (this.reading !== null) this.changes.set(id, title);
    this.threads = changed(this.threads, new Map([[id, title]]));
  }

  #stop(): void {
    this.news.leave(this);
    clearTimeout(this.timer);
    this.reading?.abort();
    this.reading = null;
  }

  /** Reads the first page again, and of the later ones what has changed. */
  #renew(): void {
    void this.#read({ cursor: null, keepsLater: true });
  }

  /** @param place `cursor` null: the first page */
  async #read({ cursor, keepsLater = false }: { cursor: string | null; keepsLater?: boolean }): Promise<void> {
    // a later page is read in place of the first one, which is still to be read
    this.isRenewalDue = cursor !== null && (this.isRenewalDue || this.reading !== null);
    this.reading?.abort();
    clearTimeout(this.timer);
    const reading = new AbortController();
    this.reading = reading;
    this.changes.clear();
    // only a person's own doing lets go of what a person was told
    if (!keepsLater) this.problem = null;
    this.isLoadingMore = cursor !== null;
    this.publisher.publish();
    let againMs: number | null = null;
    try {
      const { page, isIncomplete } = await this.#page(cursor, reading.signal);
      reading.signal.throwIfAborted();
      // where threads were missing, later pages lack them; where no page follows, later threads were erased
      const isWhole = (!this.isIncomplete || isIncomplete) && page.nextCursor !== null;
      const kept = keepsLater && isWhole && this.text === this.textOfThreads ? after(page, this.threads) : [];
      const later = cursor === null ? await this.#looked(kept, reading.signal) : [];
      reading.signal.throwIfAborted();
      this.isIncomplete = isIncomplete || (cursor !== null && this.isIncomplete);
      const threads = cursor === null ? joined(page.items, later) : joined(this.threads, page.items);
      this.threads = changed(threads, this.changes);
      if (later.length === 0) this.nextCursor = page.nextCursor;
      this.textOfThreads = this.text;
      this.state = 'ready';
      this.unread = null;
      this.backoff.worked();
      if (this.isIncomplete || this.threads.some(({ status }) => status === 'busy')) {
        againMs = this.lookMs;
        this.lookMs = Math.min(2 * this.lookMs, MAX_LOOK_MS);
      }
      if (this.isRenewalDue) againMs = 0;
    } catch (error) {
      if (reading.signal.aborted) return;
      if (error instanceof MillraceError && error.retryable) againMs = this.backoff.next(error);
      if (this.state === 'loading') this.state = 'failed';
      this.unread = problemOf(error);
    } finally {
      if (this.reading === reading) {
        this.reading = null;
        this.isLoadingMore = false;
      }
    }
    this.publisher.publish();
    if (againMs === 0) this.#renew();
    else if (againMs !== null && this.publisher.isFollowed) this.timer = setTimeout(() => this.#renew(), againMs);
  }

  /** @returns the next page that has threads, and whether it or one before it lacks some */
  async #page(cursor: string | null, signal: AbortSignal): Promise<{ page: ThreadPage; isIncomplete: boolean }> {
    let next = cursor;
    let isIncomplete = false;
    for (let empty = 1; ; empty += 1) {
      const search = this.text === null ? {} : { search: this.text };
      const filter = { limit: PAGE_SIZE, ...search, ...(next === null ? {} : { cursor: next }) };
      const page = await this.millrace.threads.list(filter, { signal });
      if (!Array.isArray(page?.items)) throw new BadAnswer('the answer is no list of threads');
      isIncomplete ||= page.incomplete === true;
      const isEnough = page.items.length > 0 || page.nextCursor === null || empty === MAX_EMPTY_PAGES;
      if (isEnough) return { page, isIncomplete };
      next = page.nextCursor;
    }
  }

  /** @returns threads of later pages, of which those that something has become of, and those that are being answered, are read again */
  async #looked(later: readonly ThreadView[], signal: AbortSignal): Promise<readonly ThreadView[]> {
    const told = later.filter(({ id }) => this.told.has(id));
    const busy = later.filter(({ id, status }) => status === 'busy' && !this.told.has(id));
    const due = [...told, ...busy].slice(0, MAX_LOOKS);
    // what is told from now on may be newer; those of the first page were read with it
    this.told.clear();
    for (const { id } of told.slice(MAX_LOOKS)) this.told.add(id);
    const looks = await Promise.all(due.map(async (thread) => [thread, await this.#look(thread, signal)] as const));
    const seen = new Map(looks);
    return later.flatMap((thread) => (seen.has(thread) ? (seen.get(thread) ?? []) : thread));
  }

  /** @returns the thread as it is now; null: it was erased */
  async #look(thread: ThreadView, signal: AbortSignal): Promise<ThreadView | null> {
    try {
      return await this.millrace.threads.resume(thread.id).get({ signal });
    } catch (error) {
      if (error instanceof NotFound) return null;
      this.told.add(thread.id);
      return thread;
    }
  }

  async #attempt(work: () => Promise<void>): Promise<boolean> {
    this.problem = null;
    try {
      await work();
      return true;
    } catch (error) {
      this.problem = problemOf(error);
      return false;
    } finally {
      this.publisher.publish();
    }
  }

  #draw(): ThreadListSnapshot {
    const { state, threads, isLoadingMore, isIncomplete, text: search } = this;
    const problem = this.problem ?? this.unread;
    return { state, threads, hasMore: this.nextCursor !== null, isLoadingMore, isIncomplete, search, problem };
  }
}

/** @returns those of `threads` that come after a page which begins the list anew */
function after({ items }: ThreadPage, threads: readonly ThreadView[]): readonly ThreadView[] {
  const last = threads.findIndex(({ id }) => id === items.at(-1)?.id);
  return last === -1 ? [] : threads.slice(last + 1);
}

/** @returns both, where what is in the first is not in the second */
function joined(first: readonly ThreadView[], second: readonly ThreadView[]): readonly ThreadView[] {
  const known = new Set(first.map(({ id }) => id));
  return [...first, ...second.filter(({ id }) => !known.has(id))];
}

/** @param changes by thread: the title that it has got; null: it was erased */
function changed(threads: readonly ThreadView[], changes: ReadonlyMap<string, string | null>): readonly ThreadView[] {
  return threads.flatMap((thread) => {
    const title = changes.get(thread.id);
    if (title === null) return [];
    return title === undefined ? thread : { ...thread, metadata: { ...thread.metadata, title } };
  });
}
