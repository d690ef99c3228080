import type { JobRef } from '@millrace/contracts';
import type { KeySpace } from '../redis/keys.ts';
import { type RedisConnection, type RunScript, scriptsOf } from '../redis/scripts.ts';
import type { ProcessReport } from './process-report.ts';

/** A process that has not reported for this long is gone, milliseconds. */
const LOST_MS = 15_000;
/** How long the reports outlive the last one, milliseconds. */
const KEPT_MS = 60_000;
/** How long processes report more often after somebody has looked, milliseconds. */
const WATCHED_MS = 5_000;
/** The most open jobs that one survey counts, the oldest. */
const MAX_COUNTED = 5_000;
/** The most that it names. */
const MAX_NAMED = 200;

/** What a worker is told to do. */
export type Order = 'drain';

export interface Told {
  /** whether somebody watches, so that reports are wanted more often */
  readonly watched: boolean;
  readonly order: Order | null;
}

/** A process that has reported lately. */
export interface SeenProcess extends ProcessReport {
  readonly id: string;
  /** ms since the epoch, by Redis's clock */
  readonly seenAt: number;
  /** of a worker: what it was told and perhaps has not done yet */
  readonly order: Order | null;
}

/** The unfinished jobs of a tenant. */
export interface OpenJobs {
  readonly tenant: string;
  readonly queued: number;
  readonly active: number;
  /** how long the first of the queued ones has been there, milliseconds; null for none */
  readonly oldestWaitMs: number | null;
}

/** All processes and the open jobs, at one moment. */
export interface Survey {
  /** ms since the epoch, by Redis's clock */
  readonly at: number;
  readonly open: number;
  readonly queued: number;
  readonly processes: readonly SeenProcess[];
  /** of the oldest {@link MAX_COUNTED} open jobs */
  readonly tenants: readonly OpenJobs[];
  /** the oldest open jobs */
  readonly oldest: readonly JobRef[];
}

/** What there is to do, and room to do it. */
interface Load {
  readonly queued: number;
  readonly active: number;
  /** how long the first of the queued jobs has waited, of the {@link MAX_COUNTED} oldest open ones, milliseconds; null: none waits */
  readonly oldestWaitMs: number | null;
  /** jobs that the running workers may run at a time, and those that all workers run */
  readonly slots: { readonly all: number; readonly running: number };
}

/** The load of the whole service, as a survey found it. */
export function loadOf({ open, queued, processes, tenants }: Survey): Load {
  const sum = (counts: readonly number[]) => counts.reduce((all, count) => all + count, 0);
  const workers = processes.filter(({ kind, state }) => kind === 'worker' && state === 'running');
  const waits = tenants.flatMap(({ oldestWaitMs }) => oldestWaitMs ?? []);
  return {
    ...{ queued, active: Math.max(0, open - queued) },
    oldestWaitMs: waits.length > 0 ? Math.max(...waits) : null,
    slots: { all: sum(workers.map(({ slots }) => slots)), running: sum(processes.map(({ total }) => total.running)) },
  };
}

/** What all processes tell of themselves, in Redis, so that any node shows the whole service. */
export class ProcessReports {
  /** How often a process reports, milliseconds. */
  static readonly EVERY_MS = 5_000;
  /** The same while somebody watches. */
  static readonly WATCHED_EVERY_MS = 1_000;

  readonly #run: RunScript;

  constructor(
    readonly redis: RedisConnection,
    readonly keys: Pick<KeySpace, 'reports' | 'watched' | 'orders' | 'openJobs' | 'queuedJobs'>,
  ) {
    this.#run = scriptsOf(redis);
  }

  async report(process: string, report: ProcessReport): Promise<Told> {
    const { reports, watched, orders } = this.keys;
    const args = [process, JSON.stringify(report), KEPT_MS];
    const [isWatched, order] = (await this.#run('report', [reports, watched, orders], args)) as [number, string];
    return { watched: isWatched === 1, order: orderOf(order) };
  }

  /** Removes a process that ends. */
  async withdraw(process: string): Promise<void> {
    await this.redis.multi().hdel(this.keys.reports, process).hdel(this.keys.orders, process).exec();
  }

  /** Tells a worker what to do. It does so with its next report.
   *  @param order null: it works as usual again */
  async order(worker: string, order: Order | null): Promise<void> {
    if (order === null) await this.redis.hdel(this.keys.orders, worker);
    else await this.redis.hset(this.keys.orders, worker, order);
  }

  /** Looks at everything, in one round trip of bounded cost.
   *  @param watches whether processes are to report more often for a while
   *  @param countsJobs false: only the processes */
  async survey({ watches, countsJobs = true }: { watches: boolean; countsJobs?: boolean }): Promise<Survey> {
    const { reports, watched, orders, openJobs, queuedJobs } = this.keys;
    const reply = (await this.#run(
      'survey',
      [reports, watched, orders, openJobs, queuedJobs],
      [LOST_MS, watches ? WATCHED_MS : 0, countsJobs ? MAX_COUNTED : 0, MAX_NAMED],
    )) as [number, number, number, string[], string[], (string | number)[], JobRef[]];
    const [at, open, queued, entries, told, counts, oldest] = reply;
    const orderBy = new Map(pairsOf(told));
    const processes = pairsOf(entries).flatMap(([id, entry]) => seenProcess(id, entry, orderBy.get(id)));
    return { at, open, queued, processes, tenants: openJobsIn(counts, at), oldest };
  }
}

function pairsOf(list: readonly string[]): [string, string][] {
  return list.flatMap((value, place) => (place % 2 === 0 ? [[value, list[place + 1] ?? '']] : []));
}

/** What a newer release has written in a way that cannot be read here is left out. */
function seenProcess(id: string, entry: string, order: string | undefined): SeenProcess[] {
  const blank = entry.indexOf(' ');
  try {
    const report = JSON.parse(entry.slice(blank + 1)) as ProcessReport;
    return [{ ...report, id, seenAt: Number(entry.slice(0, blank)), order: orderOf(order ?? '') }];
  } catch {
    return [];
  }
}

function orderOf(text: string): Order | null {
  return text === 'drain' ? text : null;
}

function openJobsIn(counts: readonly (string | number)[], at: number): OpenJobs[] {
  const rows: OpenJobs[] = [];
  for (let i = 0; i + 3 < counts.length; i += 4) {
    const [tenant = '', queued, active, arrival = ''] = counts.slice(i, i + 4);
    const oldestWaitMs = arrival === '' ? null : Math.max(0, Math.round(at - Number(arrival) / 1_000));
    rows.push({ tenant: String(tenant), queued: Number(queued), active: Number(active), oldestWaitMs });
  }
  return rows;
}
