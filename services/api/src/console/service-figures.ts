import { idOf, type JobRef, tenantOf } from '@millrace/contracts';
import {
  addedShares,
  DIMENSIONS,
  type Dimension,
  type JobReader,
  loadOf,
  NO_SHARE,
  type OpenJobs,
  type ProcessReports,
  QUIET_MS,
  quantileOf,
  type SeenProcess,
  type Share,
  type Survey,
} from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { JobQueue } from '../jobs/queue/job-queue.ts';
import { JOB_READER, PROCESS_REPORTS } from '../tokens.ts';
import { type WorkerView, workerView } from './workers.ts';

/** The most rows of each table, those with most to do first. */
const MAX_ROWS = 100;
/** The most quiet jobs that are named. */
const MAX_QUIET = 20;

/** The figures of the last minute; times in milliseconds, null where there is nothing to measure. */
interface Figures {
  readonly tokensPerSecond: number;
  readonly firstTokenP50Ms: number | null;
  readonly firstTokenP95Ms: number | null;
  readonly firstTokens: number;
  readonly takeOvers: number;
  readonly refused429: number;
  readonly refused503: number;
  readonly streams: number;
}

interface Row extends Figures {
  readonly name: string;
  readonly queued: number;
  readonly active: number;
  readonly oldestWaitMs: number | null;
}

/** What the service does now. */
export interface ServiceView {
  /** ISO 8601, by Redis's clock */
  readonly at: string;
  readonly queue: { readonly paused: boolean; readonly queued: number; readonly active: number } & Pick<
    Row,
    'oldestWaitMs'
  >;
  readonly slots: { readonly all: number; readonly running: number };
  readonly total: Figures;
  readonly by: Readonly<Record<Dimension, readonly Row[]>>;
  readonly workers: readonly WorkerView[];
  readonly nodes: readonly NodeView[];
  /** running jobs of which nothing was stored for five seconds, quietest first */
  readonly quiet: readonly QuietJobView[];
}

interface NodeView {
  readonly id: string;
  readonly version: string;
  readonly host: string;
  readonly state: 'running' | 'stopping';
  readonly streams: number;
  readonly startedAt: string;
  readonly lastSeenAt: string;
}

interface QuietJobView {
  readonly id: string;
  readonly tenant: string;
  readonly pipeline: string;
  readonly model: string;
  readonly attempt: number;
  readonly worker: string;
  readonly runningMs: number;
  readonly quietMs: number;
}

interface Traits {
  readonly model: string;
  readonly pipeline: string;
  readonly queued: boolean;
}

/** Puts together what the registry counts and what all processes tell. */
@Injectable()
export class ServiceFigures {
  /** what is known of the oldest open jobs, so that each is read once */
  #traits: ReadonlyMap<JobRef, Traits> = new Map();

  constructor(
    @Inject(PROCESS_REPORTS) private readonly reports: ProcessReports,
    @Inject(JOB_READER) private readonly reader: JobReader,
    @Inject(JobQueue) private readonly queue: JobQueue,
  ) {}

  /** Looks once. Its cost is bounded, whatever there is. */
  async look(): Promise<ServiceView> {
    const [survey, paused] = await Promise.all([this.reports.survey({ watches: true }), this.queue.isPaused()]);
    await this.#learn(survey.oldest);
    return viewOf(survey, { paused, traits: this.#traits });
  }

  /** Reads the open jobs that are new among the oldest. A queued one is read again: it may have started. */
  async #learn(refs: readonly JobRef[]): Promise<void> {
    const unknown = refs.filter((ref) => this.#traits.get(ref)?.queued !== false);
    const jobs = await this.reader.outlines(unknown);
    const learned = new Map<JobRef, Traits>();
    for (const ref of refs) {
      const known = this.#traits.get(ref);
      if (known !== undefined) learned.set(ref, known);
    }
    for (const job of jobs) {
      if (job !== null) {
        learned.set(job.ref, { model: job.model, pipeline: job.pipeline, queued: job.status === 'queued' });
      }
    }
    this.#traits = learned;
  }
}

function viewOf(
  survey: Survey,
  { paused, traits }: { paused: boolean; traits: ReadonlyMap<JobRef, Traits> },
): ServiceView {
  const { at, processes, tenants } = survey;
  const { slots, ...queue } = loadOf(survey);
  const workers = processes.filter(({ kind }) => kind === 'worker');
  const total = processes.reduce((sum, { total: share }) => addedShares(sum, share), NO_SHARE);
  return {
    at: iso(at),
    queue: { paused, ...queue },
    slots,
    total: figuresOf(total),
    by: Object.fromEntries(
      DIMENSIONS.map((dimension) => [dimension, rowsOf(dimension, processes, openBy(dimension, tenants, traits))]),
    ) as Record<Dimension, Row[]>,
    workers: workers.map(workerView),
    nodes: processes.filter(({ kind }) => kind === 'api').map(nodeView),
    quiet: quietJobs(workers),
  };
}

type Open = Omit<OpenJobs, 'tenant'>;

/** Tenants are counted by the registry. Of models and pipelines only the oldest open jobs are known. */
function openBy(
  dimension: Dimension,
  tenants: readonly OpenJobs[],
  traits: ReadonlyMap<JobRef, Traits>,
): ReadonlyMap<string, Open> {
  if (dimension === 'tenant') return new Map(tenants.map(({ tenant, ...open }) => [tenant, open]));
  const open = new Map<string, Open>();
  for (const job of traits.values()) {
    const { queued, active } = open.get(job[dimension]) ?? { queued: 0, active: 0 };
    const change = job.queued ? { queued: queued + 1, active } : { queued, active: active + 1 };
    open.set(job[dimension], { ...change, oldestWaitMs: null });
  }
  return open;
}

function rowsOf(dimension: Dimension, processes: readonly SeenProcess[], open: ReadonlyMap<string, Open>): Row[] {
  const shares = new Map<string, Share>();
  for (const { by } of processes) {
    for (const [name, share] of Object.entries(by[dimension])) {
      shares.set(name, addedShares(shares.get(name) ?? NO_SHARE, share));
    }
  }
  const names = new Set([...open.keys(), ...shares.keys()]);
  const rows = [...names].map((name): Row => {
    const share = shares.get(name) ?? NO_SHARE;
    const { queued = 0, active = 0, oldestWaitMs = null } = open.get(name) ?? {};
    return { name, queued, active: Math.max(active, share.running), oldestWaitMs, ...figuresOf(share) };
  });
  return rows.sort((one, other) => weightOf(other) - weightOf(one)).slice(0, MAX_ROWS);
}

function weightOf({ queued, active, refused429, refused503, streams }: Row): number {
  return queued + active + refused429 + refused503 + streams;
}

function figuresOf({ firstTokens, ...share }: Share): Figures {
  const { takeOvers, refused429, refused503, streams } = share;
  return {
    tokensPerSecond: Number(share.tokensPerSecond.toFixed(1)),
    firstTokenP50Ms: quantileOf(firstTokens, 0.5),
    firstTokenP95Ms: quantileOf(firstTokens, 0.95),
    firstTokens: Object.values(firstTokens).reduce((sum, count) => sum + count, 0),
    ...{ takeOvers, refused429, refused503, streams },
  };
}

function nodeView({ id, version, host, state, total, startedAt, seenAt }: SeenProcess): NodeView {
  return {
    ...{ id, version, host, state: state === 'stopping' ? state : 'running', streams: total.streams },
    ...{ startedAt: iso(startedAt), lastSeenAt: iso(seenAt) },
  };
}

function quietJobs(workers: readonly SeenProcess[]): QuietJobView[] {
  const jobs = workers.flatMap(({ id: worker, quiet }) =>
    quiet
      .filter(({ quietMs }) => quietMs >= QUIET_MS)
      .map(({ ref, ...job }) => ({ id: idOf(ref as JobRef), tenant: tenantOf(ref as JobRef), ...job, worker })),
  );
  return jobs.sort((one, other) => other.quietMs - one.quietMs).slice(0, MAX_QUIET);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
