type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** What only the service of `npm start` offers. It says so with each of its answers: elsewhere nothing is asked for. */
export class Demonstrations {
  /** whether workers may be killed here */
  offersKill = false;

  /** @param key of the caller, asked for before each request */
  constructor(
    private readonly plainFetch: Fetch,
    private readonly key: () => string | undefined,
  ) {}

  /** Like the platform's; notes what the service offers. */
  readonly fetch: Fetch = async (url, init) => {
    const response = await this.plainFetch(url, init);
    if (response.headers.get('millrace-demonstration') === 'kill-worker') this.offersKill = true;
    return response;
  };

  /** Kills the worker that runs a job, by SIGKILL.
   *  @returns whether the service has agreed */
  async killWorkerOf(jobId: string): Promise<boolean> {
    const key = this.key();
    const headers: HeadersInit = key === undefined ? {} : { 'x-api-key': key };
    try {
      const url = `/demonstration/jobs/${encodeURIComponent(jobId)}/kill-worker`;
      return (await this.plainFetch(url, { method: 'POST', headers })).ok;
    } catch {
      return false; // no connection: the answer itself tells of it
    }
  }
}
