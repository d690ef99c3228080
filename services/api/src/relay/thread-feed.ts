import { type EventId, type JobRef, jobRef, LOG_START, type ThreadRef, tenantOf } from '@millrace/contracts';
import { type ThreadEncoder, type ThreadPosition, threadCursor } from '@millrace/protocols';
import {
  type EventBatch,
  type EventSink,
  JobNotFound,
  type JobOutline,
  LogExpired,
  logLost,
  type Subscribers,
  type Subscription,
} from '@millrace/stream-log';
import type { ThreadHead, ThreadHold, ThreadTopics, ThreadTurns, ThreadWatcher, Turn } from '@millrace/threads';
import { ThreadNotFound } from '../http/problem.ts';
import type { DisconnectLeases } from '../jobs/disconnect-leases.ts';
import { GivenTurns } from './given-turns.ts';
import type { SharedOutlines } from './shared-outlines.ts';
import type { EventSource, StreamConnection } from './stream-connection.ts';
import { streamedJob } from './streamed-job.ts';
import type { ThreadLease } from './thread-lease.ts';

/** What all feeds of a process share. */
export interface ThreadFeedParts {
  readonly topics: ThreadTopics;
  readonly turns: ThreadTurns;
  readonly subscribers: Subscribers;
  readonly outlines: SharedOutlines;
  readonly leases: DisconnectLeases;
}

interface ThreadFeedOptions {
  readonly ref: ThreadRef;
  readonly connection: StreamConnection;
  readonly encoder: ThreadEncoder;
  readonly lease: ThreadLease;
  readonly parts: ThreadFeedParts;
}

/** Where a reader of a thread begins: where its cursor stands; at a turn; `latest`: at the turn of the job that has it, or had it
 *  last; null: from now on, with the whole of the job that has the turn. */
export type ThreadStart = ThreadPosition | { readonly turn: number | 'latest' } | null;

/** How long a job may be gone before its reader is told, milliseconds: the thread may be about to go, too. One that is known to be
 *  loses its jobs first, however long that takes. */
const LOSS_MS = 1_000;

/** asking: for the next turn · given: the events of a job · waiting: for the next turn · full: until resume() · stalled: Redis
 *  did not answer, or a job is gone · ended */
type State = 'asking' | 'given' | 'waiting' | 'full' | 'stalled' | 'ended';

/** Gives one connection the jobs of a thread, one after the other, each whole. Each job is followed as any job is; between
 *  two jobs the feed waits until its thread has a next turn. It keeps no list of jobs: the thread's order is read turn by
 *  turn, at the reader's pace (laws 1 and 10).
 *  @see PROTOCOL.md §10 */
export class ThreadFeed implements EventSource, EventSink, ThreadWatcher {
  readonly alreadyEnded = false;
  readonly #ref: ThreadRef;
  readonly #connection: StreamConnection;
  readonly #encoder: ThreadEncoder;
  readonly #lease: ThreadLease;
  readonly #parts: ThreadFeedParts;
  #state: State = 'asking';
  #hold: ThreadHold | null = null;
  #createdAt = '';
  /** of the job that is being given, or was given last */
  #turn = 0;
  readonly #given = new GivenTurns();
  /** the turn before the job's */
  #turnBefore = 0;
  /** whether the reader has anything of the job */
  #hasBegun = false;
  /** the job was erased before the reader had anything of it */
  #wasLost = false;
  #job: Subscription | null = null;
  #hasRoom = true;
  /** the thread has changed while it was being read */
  #askAgain = false;
  /** the reader was told that jobs are lost, and has had no other since */
  #toldOfLoss = false;
  /** the turn whose job is gone, and since when, ms of performance.now() */
  #gone = { turn: 0, since: 0 };
  #advancing = false;

  constructor({ ref, connection, encoder, lease, parts }: ThreadFeedOptions) {
    this.#ref = ref;
    this.#connection = connection;
    this.#encoder = encoder;
    this.#lease = lease;
    this.#parts = parts;
  }

  get waitsFor(): { readonly createdAt: string; readonly after: number } | null {
    return this.#state === 'waiting' ? { createdAt: this.#createdAt, after: this.#turn } : null;
  }

  get stalled(): boolean {
    return this.#state === 'stalled';
  }

  /** Finds where the reader begins.
   *  @param from see {@link ThreadStart}
   *  @returns a cursor for that place
   *  @throws ThreadNotFound
   *  @throws SubscriptionUnconfirmed
   *  @throws Error Redis does not answer */
  async begin(from: ThreadStart): Promise<string> {
    const { topics, turns } = this.#parts;
    try {
      this.#keep(await topics.follow(this.#ref, this));
      const head = await turns.head(this.#ref);
      if (head === null) throw new ThreadNotFound();
      this.#createdAt = head.createdAt;
      if (from === null) return await this.#beginNow(head);
      if ('turn' in from) return await this.#beginAtTurn(from.turn, head);
      if (from.jobId !== null) await this.#resumeFrom(from.jobId, from.after);
      return threadCursor(from);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Starts to give events. */
  run(): void {
    if (this.#is('asking')) void this.#advance();
  }

  /** The reader has room again. */
  resume(): void {
    this.#hasRoom = true;
    if (this.#state === 'full') void this.#advance();
    else this.#job?.resume();
  }

  close(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#job?.close();
    this.#job = null;
    this.#hold?.leave();
  }

  wake(): void {
    if (this.#state === 'waiting' || this.#state === 'stalled') void this.#advance();
    else if (this.#state === 'asking') this.#askAgain = true;
    else if (this.#state === 'given' && !this.#hasBegun && this.#job !== null) this.#lookAgain();
  }

  batch(batch: EventBatch): boolean {
    if (!this.#hasBegun && isLoss(batch)) {
      this.#wasLost = true;
      return true;
    }
    this.#hasBegun = true;
    this.#hasRoom = this.#connection.batch(batch);
    return this.#hasRoom;
  }

  end(reason: 'terminal' | 'closed' | 'failed' = 'closed'): void {
    if (this.#state === 'ended') return;
    this.#job = null;
    if (reason === 'terminal') {
      if (this.#wasLost) this.#takeBack();
      void this.#advance();
      return;
    }
    this.close();
    this.#connection.end(reason);
  }

  /** The thread may be erased, with the job that nothing has been read of yet. */
  #lookAgain(): void {
    this.#job?.close();
    this.#job = null;
    this.#takeBack();
    void this.#advance();
  }

  /** The job that has the turn has not been given. */
  #takeBack(): void {
    this.#lease.readerLost();
    this.#given.takeBack();
    this.#turn = this.#turnBefore;
    this.#wasLost = false;
  }

  /** The reader may have left before the channel was confirmed. */
  #keep(hold: ThreadHold): void {
    this.#hold = hold;
    if (this.#state === 'ended') hold.leave();
  }

  async #beginNow({ turn, activeJob }: ThreadHead): Promise<string> {
    const { turns, outlines } = this.#parts;
    const active = activeJob === null ? null : await turns.turnOf(this.#ref, activeJob);
    this.#turn = active === null ? turn : active - 1;
    if (activeJob !== null) return threadCursor({ jobId: activeJob, after: LOG_START });
    const lastJob = await turns.jobAt(this.#ref, turn);
    const job = lastJob === null ? null : await outlines.get(this.#jobRef(lastJob));
    return threadCursor({ jobId: lastJob, after: job?.lastEventId ?? LOG_START });
  }

  async #beginAtTurn(asked: number | 'latest', { turn, activeJob }: ThreadHead): Promise<string> {
    const active = activeJob === null ? null : await this.#parts.turns.turnOf(this.#ref, activeJob);
    this.#turn = Math.max(0, (asked === 'latest' ? (active ?? turn) : asked) - 1);
    return threadCursor({ jobId: null, after: LOG_START });
  }

  async #resumeFrom(jobId: string, after: EventId): Promise<void> {
    const turn = await this.#parts.turns.turnOf(this.#ref, jobId);
    if (turn !== null && after === LOG_START) {
      this.#turn = turn - 1;
      return;
    }
    if (turn !== null && (await this.#give({ jobId, turn }, after))) return;
    // the cursor says nothing: void what the reader has, and give what there is
    this.#turn = 0;
    this.#tellOfLoss(jobId);
  }

  /** Voids what the reader has. Once for all jobs that are lost in a row. */
  #tellOfLoss(jobId: string): void {
    if (this.#toldOfLoss) return;
    this.#toldOfLoss = true;
    this.#encoder.beginLost(jobId);
    try {
      this.batch(logLost());
    } catch {
      // the connection knows what it threw
      this.end('failed');
    }
  }

  /** Goes on with the next turn. */
  async #advance(): Promise<void> {
    this.#state = 'asking';
    // a job may have ended before it was said to have begun
    if (this.#advancing) return;
    this.#advancing = true;
    try {
      while (this.#is('asking')) {
        if (this.#hasRoom) await this.#takeTurn();
        else this.#state = 'full';
      }
    } catch {
      // Redis is away, which its connection has logged: the topics wake stalled watchers
      if (this.#is('asking')) this.#state = 'stalled';
    } finally {
      this.#advancing = false;
    }
  }

  async #takeTurn(): Promise<void> {
    this.#askAgain = false;
    const topic = this.#hold?.topic;
    if (topic === undefined) return;
    const answer = await topic.next(this.#turn);
    if (!this.#is('asking')) return;
    const { createdAt, next, isBeingErased } = answer;
    if (createdAt !== this.#createdAt) {
      this.close();
      this.#connection.close('finished');
    } else if (this.#given.contradict(this.#turn, answer)) {
      const highest = Math.min(this.#turn - 1, answer.lastTurn);
      this.#turn = await this.#given.lastOf(highest, (jobId) => this.#parts.turns.turnOf(this.#ref, jobId));
    } else if (next === null) {
      if (!this.#askAgain) this.#state = 'waiting';
    } else if (!(await this.#give(next, LOG_START)) && this.#is('asking')) {
      this.#passOver(next, isBeingErased);
    }
  }

  /** Goes on after a job that is gone, and tells of it unless the thread goes, too. */
  #passOver({ jobId, turn }: Turn, isBeingErased: boolean): void {
    const now = performance.now();
    if (this.#gone.turn !== turn) this.#gone = { turn, since: now };
    if (!this.#toldOfLoss && (isBeingErased || now - this.#gone.since < LOSS_MS)) {
      this.#state = 'stalled'; // the topics wake it again
      return;
    }
    this.#turn = turn;
    this.#tellOfLoss(jobId);
  }

  /** @returns false if the job is gone */
  async #give({ jobId, turn }: Turn, after: EventId): Promise<boolean> {
    const job = await this.#parts.outlines.get(this.#jobRef(jobId));
    if (!this.#is('asking')) return true;
    if (job === null) return false;
    try {
      await this.#follow(job, turn, after);
      return true;
    } catch (error) {
      if (error instanceof JobNotFound || error instanceof LogExpired) return false;
      throw error;
    }
  }

  async #follow(job: JobOutline, turn: number, after: EventId): Promise<void> {
    const { leases, subscribers } = this.#parts;
    this.#turnBefore = this.#turn;
    this.#hasBegun = after !== LOG_START;
    this.#wasLost = false;
    this.#encoder.begin({ ...streamedJob(job), turn });
    this.#lease.hold(leases.acquire(job, { isCreator: false }));
    this.#turn = turn;
    this.#given.add({ jobId: job.jobId, turn });
    this.#state = 'given';
    let subscription: Subscription;
    try {
      subscription = await subscribers.follow(job, { after, sink: this });
      this.#toldOfLoss = false;
    } catch (error) {
      if (this.#is('given')) {
        this.#takeBack();
        this.#state = 'asking';
      }
      throw error;
    }
    if (subscription.alreadyEnded) {
      this.#lease.readerLost();
      if (this.#is('given')) this.#state = 'asking';
    } else if (this.#is('given')) {
      this.#job = subscription;
      // room that came before there was anything to resume
      if (this.#hasRoom) subscription.resume();
    } else {
      subscription.close();
    }
  }

  #jobRef(jobId: string): JobRef {
    return jobRef(tenantOf(this.#ref), jobId);
  }

  // a method, so that TypeScript does not narrow: the state changes while Redis is awaited
  #is(state: State): boolean {
    return this.#state === state;
  }
}

/** The made-up end of a job that is gone. */
function isLoss({ events }: EventBatch): boolean {
  const last = events.at(-1);
  return last?.type === 'error' && last.id === LOG_START;
}
