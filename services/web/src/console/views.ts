/** What the service says to the console, as far as it is shown. docs/console.md explains the figures. */

export type { Dimension, ServiceView } from '@millrace/client/admin';

export interface Caller {
  readonly tenant: string;
  readonly role: string;
  readonly permissions: readonly string[];
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
    readonly details?: Readonly<Record<string, unknown>> | undefined;
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
  /** some are missing: one of several Redis or the archive does not answer, or the archive cannot give all that it has */
  readonly incomplete?: true;
}
