/** How long a job is kept and how large it may grow. Settings of the deployment, the same for all services. */
export interface LogLimits {
  /** how long the record outlives the job's end, milliseconds; at least `logRetentionMs` */
  readonly recordRetentionMs: number;
  /** how long the log outlives the job's end, milliseconds */
  readonly logRetentionMs: number;
  /** how long record and log of an unfinished job outlive the last write, milliseconds; longer than any silence */
  readonly unfinishedRetentionMs: number;
  /** events of one log, over all attempts */
  readonly maxEvents: number;
  /** bytes of event data of one log, over all attempts */
  readonly maxBytes: number;
  /** attempts of one job, hand-overs included */
  readonly maxAttempts: number;
}
