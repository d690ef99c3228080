import { MillraceError, NotFound } from '../errors.ts';
import type { Job } from '../job.ts';
import type { Millrace } from '../millrace.ts';
import type { Reconnection } from '../resumed-events.ts';
import { IGNORE, patiently } from './follow.ts';
import { JobTurn } from './job-turn.ts';
import { cancel } from './outbox.ts';
import { problemOf } from './problem.ts';
import { Publisher } from './publisher.ts';
import type { ConnectionState, ConversationProblem, JobSnapshot } from './snapshot.ts';
import type { JobStore } from './store.ts';

/** One job, as a page shows it, read from its first event while somebody subscribes.
 *  @param job a handle that begins with the first event, or an id */
export function createJobStore(millrace: Millrace, job: Job | string): JobStore {
  return new FollowedJob(millrace, typeof job === 'string' ? millrace.jobs.resume(job) : job);
}

class FollowedJob implements JobStore {
  private readonly turn: JobTurn;
  private readonly publisher: Publisher<JobSnapshot>;
  private state: JobSnapshot['state'] = 'loading';
  private connection: ConnectionState = { state: 'idle' };
  private problem: ConversationProblem | null = null;
  private running: AbortController | null = null;
  private hasEnded = false;
  /** its record was read after its end */
  private isWhole = false;

  constructor(
    private readonly millrace: Millrace,
    private job: Job,
  ) {
    this.turn = new JobTurn(job.id);
    const activity = { start: () => this.#start(), stop: () => this.#stop() };
    this.publisher = new Publisher(this.#draw(), (former) => this.#drawAfter(former), activity);
    this.subscribe = this.publisher.subscribe;
    this.getSnapshot = this.publisher.getSnapshot;
  }

  readonly subscribe: JobStore['subscribe'];
  readonly getSnapshot: JobStore['getSnapshot'];

  reload(): void {
    if (this.state === 'gone') this.state = 'failed';
    this.#stop();
    if (this.publisher.isFollowed) this.#start();
    this.publisher.publish();
  }

  async stop(): Promise<boolean> {
    this.problem = null;
    try {
      this.turn.look(await cancel(this.millrace, this.job.id));
      return true;
    } catch (error) {
      this.problem = problemOf(error);
      return false;
    } finally {
      this.publisher.publish();
    }
  }

  #start(): void {
    if (this.isWhole || this.state === 'gone') return;
    if (this.state === 'failed') [this.state, this.problem] = ['loading', null];
    const running = new AbortController();
    this.running = running;
    if (!this.hasEnded) this.connection = { state: 'connecting' };
    this.publisher.changed();
    void this.#follow(running.signal);
  }

  #stop(): void {
    this.running?.abort();
    this.connection = { state: 'idle' };
    this.publisher.changed();
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const onOpen = () => {
      this.connection = { state: 'connected' };
      this.state = 'ready';
      this.publisher.changed();
    };
    const onReconnect = ({ delayMs }: Reconnection) => {
      const now = Date.now();
      const since = this.connection.state === 'reconnecting' ? this.connection.since : now;
      this.connection = { state: 'reconnecting', since, nextTryAt: now + delayMs };
      this.publisher.changed();
    };
    try {
      await patiently(signal, onReconnect, async () => {
        if (this.hasEnded) return;
        // where the reading before came to: a handle reads from its own beginning each time
        if (this.job.lastEventId !== null) this.job = this.millrace.jobs.resume(this.job.toJSON());
        for await (const event of this.job.events({ signal, onOpen, onReconnect })) {
          this.hasEnded = this.turn.apply(event);
          this.publisher.changed();
        }
      });
      this.connection = { state: 'idle' };
      this.publisher.changed();
      this.turn.look(await patiently(signal, IGNORE, () => this.job.get({ signal, include: [] })));
      this.isWhole = true;
    } catch (error) {
      if (signal.aborted) return;
      this.connection = { state: 'idle' };
      // the answer is there, and what its record adds is not
      if (!this.hasEnded) this.#fail(error);
    }
    this.publisher.changed();
  }

  #fail(error: unknown): void {
    if (!(error instanceof MillraceError)) throw error;
    this.state = error instanceof NotFound ? 'gone' : 'failed';
    this.problem = problemOf(error);
  }

  #draw(): JobSnapshot {
    const { job, state, connection, problem } = this;
    return { id: job.id, state, answer: this.turn.message(), connection, problem };
  }

  #drawAfter(former: JobSnapshot): JobSnapshot {
    const now = this.#draw();
    const names = Object.keys(now) as (keyof JobSnapshot)[];
    return names.every((name) => now[name] === former[name]) ? former : now;
  }
}
