/** What figures are told apart by. */
export const DIMENSIONS = ['tenant', 'model', 'pipeline'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** What has happened in a process within the last minute. */
export interface Activity {
  /** output of models within the last ten seconds, tokens per second; partly an estimate */
  readonly tokensPerSecond: number;
  /** times from acceptance to the first token, by bucket: see {@link bucketOf} */
  readonly firstTokens: Readonly<Record<string, number>>;
  /** attempts after the first of their job */
  readonly takeOvers: number;
  /** requests that were answered with 429 and with 503 */
  readonly refused429: number;
  readonly refused503: number;
}

/** An {@link Activity} and what is there now. */
export interface Share extends Activity {
  /** jobs that the worker runs */
  readonly running: number;
  /** streams that are open on the node */
  readonly streams: number;
}

/** A job that stores nothing for this long is quiet, milliseconds. */
export const QUIET_MS = 5_000;

/** A running job, and how long nothing of it was stored. */
export interface QuietJob {
  readonly ref: string;
  readonly pipeline: string;
  readonly model: string;
  readonly attempt: number;
  /** milliseconds */
  readonly runningMs: number;
  readonly quietMs: number;
}

/** What a process tells of itself. */
export interface ProcessReport {
  readonly kind: 'api' | 'worker';
  readonly version: string;
  readonly host: string;
  /** ms since the epoch, by the clock of the process */
  readonly startedAt: number;
  /** `drained`: a worker that takes no jobs because it was told so */
  readonly state: 'running' | 'drained' | 'stopping';
  /** jobs that a worker runs at a time; 0 for a node */
  readonly slots: number;
  readonly total: Share;
  /** a bounded number of names in each */
  readonly by: Readonly<Record<Dimension, Readonly<Record<string, Share>>>>;
  /** the quietest of its jobs, quietest first, none that is not quiet for {@link QUIET_MS}: what is not told need not be erased */
  readonly quiet: readonly QuietJob[];
}

/** Buckets for each doubling: a quantile is exact within a tenth. */
const PER_DOUBLING = 4;

/** The bucket of a duration. Buckets grow by a fixed factor. */
export function bucketOf(ms: number): number {
  return Math.round(PER_DOUBLING * Math.log2(Math.max(1, ms)));
}

/** @param buckets how many durations are in each
 *  @param quantile 0 to 1
 *  @returns milliseconds; null without any duration */
export function quantileOf(buckets: Readonly<Record<string, number>>, quantile: number): number | null {
  const sorted = Object.entries(buckets).sort(([one], [other]) => Number(one) - Number(other));
  const rank = quantile * sorted.reduce((sum, [, count]) => sum + count, 0);
  let seen = 0;
  for (const [bucket, count] of sorted) {
    seen += count;
    if (seen >= rank) return Math.round(2 ** (Number(bucket) / PER_DOUBLING));
  }
  return null;
}

/** Adds what several processes tell. */
export function addedShares(one: Share, other: Share): Share {
  const firstTokens: Record<string, number> = { ...one.firstTokens };
  for (const [bucket, count] of Object.entries(other.firstTokens)) {
    firstTokens[bucket] = (firstTokens[bucket] ?? 0) + count;
  }
  return {
    tokensPerSecond: one.tokensPerSecond + other.tokensPerSecond,
    firstTokens,
    takeOvers: one.takeOvers + other.takeOvers,
    refused429: one.refused429 + other.refused429,
    refused503: one.refused503 + other.refused503,
    running: one.running + other.running,
    streams: one.streams + other.streams,
  };
}

export const NO_SHARE: Share = {
  ...{ tokensPerSecond: 0, firstTokens: {}, takeOvers: 0, refused429: 0, refused503: 0 },
  ...{ running: 0, streams: 0 },
};
