/** What the doctor says of one thing. */
export interface Finding {
  readonly verdict: 'ok' | 'warning' | 'fault';
  /** what was looked at: `redis: eviction` */
  readonly about: string;
  readonly says: string;
  /** the lines that mend it */
  readonly remedy?: string;
}

export const ok = (about: string, says: string): Finding => ({ verdict: 'ok', about, says });

export const warning = (about: string, says: string, remedy: string): Finding => ({
  verdict: 'warning',
  about,
  says,
  remedy,
});

export const fault = (about: string, says: string, remedy: string): Finding => ({
  verdict: 'fault',
  about,
  says,
  remedy,
});
