import type { EventId, JobRef, JobStatus, StoredEvent, StreamEventType } from '@millrace/contracts';
import { eventId, idOf, LOG_START } from '@millrace/contracts';
import type { LogLimits } from '../log/record.ts';

/** A writer, and where it believes the log ends: right, behind, or ahead. */
export interface Claim {
  readonly attempt: number;
  readonly leaseToken: string;
  /** the last event of its attempt that it knows is stored */
  readonly seq: number;
}

/** An event before it has its id. */
export type Said = Pick<StoredEvent, 'type' | 'data'>;

export type Refusal = 'ATTEMPT_FENCED' | 'JOB_CLOSED' | 'LOG_LOST' | 'LOG_LIMIT_EXCEEDED';

/** What the record of a job says. */
interface ModelJob {
  readonly fingerprint: string;
  readonly onCrash: 'restart' | 'fail';
  readonly model: string;
  status: JobStatus;
  attempt: number;
  seq: number;
  events: number;
  bytes: number;
  leaseToken: string | null;
  /** the present attempt has output: it has a time of the first token */
  spoke: boolean;
  /** readers hold text that the next attempt must take back */
  owesReset: boolean;
  released: string | null;
  /** how often it has lost its worker */
  losses: number;
}

/** One job as PROTOCOL.md and the laws have it, without Redis: what each operation answers and leaves behind. */
export class JobModel {
  job: ModelJob | null = null;
  log: StoredEvent[] | null = null;
  /** keys that were not written for some time: a write restores the whole time to live of both */
  readonly aged = { record: false, log: false };
  /** every message, oldest first: the channel and what it says */
  readonly published: [channel: 'live' | 'control', payload: string][] = [];

  constructor(
    readonly ref: JobRef,
    readonly limits: LogLimits,
  ) {}

  get finished(): boolean {
    return this.job !== null && this.job.status !== 'queued' && this.job.status !== 'active';
  }

  get lastEventId(): EventId {
    return this.job === null ? LOG_START : eventId(this.job.attempt, this.job.seq);
  }

  /** All text after the last `reset`; null without a log. */
  get text(): string | null {
    if (this.log === null) return null;
    const start = this.log.findLastIndex(({ type }) => type === 'reset') + 1;
    const texts = this.log.slice(start).filter(({ type }) => type === 'text');
    return texts.map(({ data }) => (JSON.parse(data) as { text: string }).text).join('');
  }

  open(job: Pick<ModelJob, 'fingerprint' | 'onCrash' | 'model'>): 'opened' | 'existing' | 'mismatch' {
    if (this.job !== null) {
      return this.job.fingerprint === job.fingerprint ? 'existing' : 'mismatch';
    }
    const nothing = {
      seq: 0,
      events: 0,
      bytes: 0,
      leaseToken: null,
      spoke: false,
      owesReset: false,
      released: null,
      losses: 0,
    };
    this.job = { ...job, ...nothing, status: 'queued', attempt: 0 };
    this.log = [];
    const accepted = JSON.stringify({ id: idOf(this.ref), status: 'queued' });
    this.job.bytes += accepted.length;
    this.#store(this.job, [{ type: 'accepted', data: accepted }]);
    return 'opened';
  }

  begin(
    leaseToken: string,
    isAlone: boolean,
  ): 'missing' | 'ended' | 'alone' | 'has-output' | 'too-many-attempts' | number {
    const { job } = this;
    if (job === null) return 'missing';
    if (this.finished) return 'ended';
    if (job.status === 'active' && job.leaseToken === leaseToken) return job.attempt;
    const { maxAttempts } = this.limits;
    const losses = job.losses + (job.status === 'active' ? 1 : 0);
    if (!isAlone && losses >= Math.max(1, Math.min(2, maxAttempts - 1)) && losses < maxAttempts) return 'alone';
    if (job.owesReset && job.onCrash === 'fail') return 'has-output';
    if (losses >= maxAttempts) return 'too-many-attempts';

    const before = this.lastEventId;
    const attempt = job.attempt + 1;
    const lost = attempt > 1 && this.log === null;
    const said: Said[] = [{ type: 'started', data: JSON.stringify({ attempt, model: job.model }) }];
    if (lost || job.owesReset) {
      const reason = lost ? 'log-lost' : (job.released ?? 'worker-lost');
      said.unshift({ type: 'reset', data: JSON.stringify({ attempt, reason }) });
    }
    Object.assign(job, {
      status: 'active',
      attempt,
      seq: 0,
      leaseToken,
      spoke: false,
      owesReset: false,
      released: null,
      losses,
    });
    this.log ??= [];
    job.bytes += bytesOf(said);
    this.#store(job, said, before);
    return attempt;
  }

  /** @param renews the writer says that its job's time to live is due to be renewed */
  append(claim: Claim, said: readonly Said[], renews: boolean): 'stored' | 'stored-already' | Refusal {
    const refusal = this.#refusal(claim);
    if (refusal !== null) return refusal;
    const job = this.#present();
    if (claim.seq < job.seq) return 'stored-already';
    if (claim.seq > job.seq) return 'LOG_LOST';
    const { maxEvents, maxBytes } = this.limits;
    if (job.events + said.length > maxEvents || job.bytes + bytesOf(said) > maxBytes) return 'LOG_LIMIT_EXCEEDED';
    if (this.log === null) return 'LOG_LOST';
    job.bytes += bytesOf(said);
    Object.assign(job, { spoke: true, owesReset: true });
    const aged = { ...this.aged };
    this.#store(job, said);
    if (!renews) Object.assign(this.aged, aged);
    return 'stored';
  }

  /** @param status with which the runner ends its job */
  finish(claim: Claim, status: 'completed' | 'failed', event: Said): 'closed' | Refusal {
    const refusal = this.#refusal(claim);
    const job = this.job;
    if (refusal === 'JOB_CLOSED' && job?.status === status && job.seq === claim.seq + 1) return 'closed';
    if (refusal !== null) return refusal;
    if (claim.seq !== this.#present().seq || this.log === null) return 'LOG_LOST';
    this.#end(this.#present(), status, event);
    return 'closed';
  }

  cancel(event: Said): 'cancelled' | 'already-cancelled' | 'finished' | 'not-found' {
    const { job } = this;
    if (job === null) return 'not-found';
    if (this.finished) return job.status === 'cancelled' ? 'already-cancelled' : 'finished';
    this.#end(job, 'cancelled', event, 'tell the worker');
    return 'cancelled';
  }

  /** A worker that may not run the job again ends it. */
  giveUp(event: Said): boolean {
    if (this.job === null || this.finished) return false;
    this.#end(this.job, 'failed', event, 'tell the worker');
    return true;
  }

  /** @returns whether the job is to run again */
  release(
    { attempt, leaseToken }: Claim,
    reason: 'handover' | 'log-lost' | 'worker-lost',
  ): 'released' | 'fenced' | 'ended' {
    const { job } = this;
    if (job === null || this.finished) return 'ended';
    if (job.attempt > attempt) return 'fenced';
    if (job.attempt === attempt && job.leaseToken !== leaseToken) return 'fenced';
    // Redis lost the attempt itself: its number is spent
    if (job.attempt < attempt) Object.assign(job, { attempt, seq: 0, owesReset: true });
    if (reason === 'worker-lost' && job.status === 'active') job.losses += 1;
    if (reason === 'log-lost') job.owesReset = true;
    Object.assign(job, { status: 'queued', released: reason });
    this.#renew();
    return 'released';
  }

  page(after: EventId, limits: { events: number; bytes: number }): { events: StoredEvent[]; full: boolean } {
    const rest = (this.log ?? []).slice((this.log ?? []).findIndex(({ id }) => id === after) + 1);
    let [count, bytes] = [0, 0];
    while (count < Math.min(limits.events, rest.length) && bytes < limits.bytes)
      bytes += rest[count++]?.data.length ?? 0;
    return { events: rest.slice(0, count), full: count === limits.events || count < rest.length };
  }

  age(): void {
    Object.assign(this.aged, { record: this.job !== null, log: this.log !== null });
  }

  expireLog(): void {
    this.log = null;
  }

  expireRecord(): void {
    this.job = null;
  }

  /** Who may write at all: the runner of the present attempt, while it runs. */
  #refusal({ attempt, leaseToken }: Claim): Refusal | null {
    const { job } = this;
    if (job === null || job.attempt < attempt) return 'LOG_LOST';
    if (job.attempt > attempt || job.status === 'queued' || job.leaseToken !== leaseToken) return 'ATTEMPT_FENCED';
    return this.finished ? 'JOB_CLOSED' : null;
  }

  #present(): ModelJob {
    if (this.job === null) throw new Error('who was not refused has a job');
    return this.job;
  }

  #end(job: ModelJob, status: 'completed' | 'failed' | 'cancelled', event: Said, tell?: 'tell the worker'): void {
    job.status = status;
    this.log ??= [];
    job.bytes += bytesOf([event]);
    this.#store(job, [event]);
    if (tell) this.published.push(['control', this.ref]);
  }

  #renew(): void {
    Object.assign(this.aged, { record: false, log: false });
  }

  #store(job: ModelJob, said: readonly Said[], before = this.lastEventId): void {
    const events = said.map((event) => ({ id: eventId(job.attempt, ++job.seq), ...event }));
    job.events += events.length;
    this.log?.push(...events);
    this.#renew();
    const lines = events.map(({ id, type, data }) => `${id} ${type} ${data}`);
    this.published.push(['live', [`${before} ${job.leaseToken ?? '-'}`, ...lines].join('\n')]);
  }
}

export function said(type: StreamEventType, data: object): Said {
  return { type, data: JSON.stringify(data) };
}

function bytesOf(events: readonly Said[]): number {
  return events.reduce((sum, { data }) => sum + data.length, 0);
}
