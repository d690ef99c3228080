/** The figures of the last minute; times in milliseconds, null where there is nothing to measure. */
export interface Figures {
  readonly tokensPerSecond: number;
  readonly firstTokenP50Ms: number | null;
  readonly firstTokenP95Ms: number | null;
  readonly firstTokens: number;
  readonly takeOvers: number;
  readonly refused429: number;
  readonly refused503: number;
  readonly streams: number;
}

/** The figures of one tenant, model or pipeline. */
export interface Row extends Figures {
  readonly name: string;
  readonly queued: number;
  readonly active: number;
  readonly oldestWaitMs: number | null;
}

/** What a row adds up. */
export type Dimension = 'tenant' | 'model' | 'pipeline';

/** A worker, and what it runs. Times are ISO 8601. */
export interface WorkerView {
  readonly id: string;
  readonly version: string;
  readonly host: string;
  readonly state: 'running' | 'draining' | 'drained' | 'stopping';
  readonly slots: number;
  readonly running: number;
  readonly startedAt: string;
  readonly lastSeenAt: string;
}

/** A running job that stores nothing. */
export interface QuietJob {
  readonly id: string;
  readonly tenant: string;
  readonly pipeline: string;
  readonly model: string;
  readonly attempt: number;
  readonly worker: string;
  readonly runningMs: number;
  readonly quietMs: number;
}

/** What the service does now: the figures of docs/console.md. It is for readers of the same release, and may change with it. */
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
  readonly nodes: readonly (Pick<WorkerView, 'id' | 'version' | 'host' | 'startedAt' | 'lastSeenAt'> & {
    readonly state: 'running' | 'stopping';
    readonly streams: number;
  })[];
  readonly quiet: readonly QuietJob[];
}
