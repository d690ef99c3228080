import { DAY_SECONDS, type LimitName } from '@millrace/contracts';

/** How far a tenant is from one of its limits. */
export interface LimitState {
  readonly name: LimitName | 'longTexts' | 'revokedTokens';
  /** how much it may use */
  readonly max: number;
  /** how much of it is left; 0 unless told */
  readonly remaining?: number;
  /** until when that is the case, seconds from now; absent: until the tenant itself frees something */
  readonly resetSeconds?: number;
}

/** What a limit counts, and within which time (seconds). Units: the registry of the draft has the first three. */
const POLICIES: Readonly<Record<LimitState['name'], { readonly unit: string; readonly window?: number }>> = {
  requestsPerMinute: { unit: 'requests', window: 60 },
  queuedJobs: { unit: 'concurrent-requests' },
  activeJobs: { unit: 'concurrent-requests' },
  streams: { unit: 'concurrent-requests' },
  revokedTokens: { unit: 'requests', window: DAY_SECONDS },
  longTexts: { unit: 'concurrent-requests' },
  storedBytes: { unit: 'content-bytes' },
  tokensPerDay: { unit: 'tokens', window: DAY_SECONDS },
};

/** The headers that tell a client where it stands, as structured fields.
 *  @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/ (-11) */
export function rateLimitHeaders(state: LimitState): {
  readonly RateLimit: string;
  readonly 'RateLimit-Policy': string;
} {
  const { name, max, remaining = 0, resetSeconds } = state;
  const { unit, window } = POLICIES[name];
  const reset = resetSeconds === undefined ? '' : `;t=${resetSeconds}`;
  return {
    RateLimit: `"${name}";r=${remaining}${reset}`,
    'RateLimit-Policy': `"${name}";q=${max};qu="${unit}"${window === undefined ? '' : `;w=${window}`}`,
  };
}

/** The headers of a refusal because a limit is reached.
 *  @param retrySeconds when to try again; unless told, when the limit is reset */
export function limitReached(state: LimitState, retrySeconds = state.resetSeconds ?? 1): Record<string, string> {
  return { 'Retry-After': String(retrySeconds), ...rateLimitHeaders(state) };
}
