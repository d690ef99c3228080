/** Which part of the ledger to read. */
export interface UsageFilter {
  /** first and last day, UTC, `YYYY-MM-DD`; the last 30 days when left out */
  readonly from?: string;
  readonly to?: string;
  /** what each item sums up */
  readonly by?: 'day' | 'model' | 'pipeline' | 'tenant';
  /** admins only */
  readonly tenant?: string;
}

/** One sum of the ledger. It counts every attempt, also those that were abandoned. */
export interface UsageItem {
  readonly day?: string;
  readonly model?: string;
  readonly pipeline?: string;
  readonly tenant?: string;
  readonly jobs: number;
  readonly attempts: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** how many of the tokens are estimates */
  readonly estimatedTokens: number;
  /** by the prices of the service, where it has them */
  readonly cost?: number;
}
