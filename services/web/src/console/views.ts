/** What the service says to the console, as far as it is shown. docs/console.md explains the figures. */

export interface Caller {
  readonly tenant: string;
  readonly role: string;
  readonly permissions: readonly string[];
}

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

export type Dimension = 'tenant' | 'model' | 'pipeline';

interface WorkerView {
  readonly id: string;
  readonly version: string;
  readonly host: string;
  readonly state: 'running' | 'draining' | 'drained' | 'stopping';
  readonly slots: number;
  readonly running: number;
  readonly startedAt: string;
  readonly lastSeenAt: string;
}

interface QuietJob {
  readonly id: string;
  readonly tenant: string;
  readonly pipeline: string;
  readonly model: string;
  readonly attempt: number;
  readonly runningMs: number;
  readonly quietMs: number;
}

export interface ServiceView {
  readonly at: string;
  readonly queue: {
    readonly paused: boolean;
    readonly queued: number;
    readonly active: number;
    readonly oldestWaitMs: number | null;
  };
  readonly slots: { readonly all: number; readonly running: number };
  readonly total: Figures;
  readonly by: Readonly<Record<Dimension, readonly Row[]>>;
  readonly workers: readonly WorkerView[];
  readonly nodes: readonly (Pick<WorkerView, 'id' | 'version' | 'host' | 'state' | 'startedAt'> & {
    readonly streams: number;
  })[];
  readonly quiet: readonly QuietJob[];
}

export interface JobSummary {
  readonly id: string;
  readonly tenant: string;
  readonly status: 'queued' | 'active' | 'completed' | 'failed' | 'cancelled';
  readonly pipeline: string;
  readonly model: string;
  readonly attempt: number;
  readonly threadId: string | null;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly firstTokenAt: string | null;
  readonly finishedAt: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

export interface TimelineEntry {
  readonly type: string;
  readonly from: string;
  readonly to: string;
  readonly count: number;
  readonly bytes: number;
  readonly facts: Readonly<Record<string, unknown>>;
}

export interface JobInspection {
  readonly job: JobSummary & {
    readonly losses: number;
    readonly usage: { readonly inputTokens: number; readonly outputTokens: number } | null;
    readonly bytes: { readonly log: number; readonly request: number };
  };
  readonly timeline: readonly TimelineEntry[];
  readonly omitted: number;
  readonly logExpired: boolean;
  readonly readers: readonly { readonly node: string; readonly host: string | null; readonly readers: number }[];
  readonly audit: readonly {
    readonly at: string;
    readonly action: string;
    readonly by: { readonly tenant: string; readonly role: string; readonly subject: string | null };
    readonly details?: Readonly<Record<string, unknown>>;
  }[];
  readonly traceUrl: string | null;
}

export interface Revealed {
  readonly items: readonly { readonly id: string; readonly type: string; readonly data: unknown }[];
  readonly nextCursor: string | null;
}

export const LIMITS = [
  ['requestsPerMinute', 'Requests per minute'],
  ['queuedJobs', 'Unfinished jobs'],
  ['activeJobs', 'Running jobs'],
  ['streams', 'Streams'],
  ['storedBytes', 'Stored bytes'],
  ['tokensPerDay', 'Tokens per day'],
] as const;
export type LimitName = (typeof LIMITS)[number][0];

export interface TenantRow {
  readonly tenant: string;
  readonly limits: Readonly<Record<LimitName, number | null>>;
  readonly use: Readonly<Record<LimitName, number>>;
  readonly overrides: readonly LimitName[];
  readonly today: {
    readonly jobs: number;
    readonly inputTokens: number;
    readonly outputTokens: number;
    readonly cost?: number;
  };
  readonly keys: number;
}

export interface KeyView {
  readonly id: string;
  readonly tenant: string;
  readonly role: string;
  readonly name: string | null;
  readonly createdAt: string;
  readonly lastUsedAt: string | null;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}
