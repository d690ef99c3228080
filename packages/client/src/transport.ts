import { MillraceError, refusal } from './millrace-error.ts';

/** The part of `fetch` that this client needs. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface TransportOptions {
  /** origin and path prefix of the service; '' in a browser: the page's own origin */
  readonly baseUrl: string;
  readonly apiKey?: string | undefined;
  readonly fetch?: Fetch | undefined;
}

export interface Request {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal | null;
}

export interface CallOptions {
  /** stops the call; it never cancels a job */
  readonly signal?: AbortSignal;
}

/** HTTP exchanges with the service: address, key, and errors that say what happened. */
export class Transport {
  private readonly baseUrl: string;
  private readonly headers: Readonly<Record<string, string>>;
  private readonly fetch: Fetch;

  constructor({ baseUrl, apiKey, fetch: fetchOption }: TransportOptions) {
    this.baseUrl = baseUrl.replace(/\/+$/, '');
    this.headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
    // called as a function: a browser's fetch throws as a method of anything but its window
    this.fetch = fetchOption ?? ((url, init) => fetch(url, init));
  }

  /** @throws MillraceError `UNREACHABLE`, or the code of the server's refusal
   *  @throws the signal's reason */
  async send({ method, path, headers, body, signal }: Request): Promise<Response> {
    const response = await reaching(signal, () =>
      this.fetch(this.baseUrl + path, {
        method,
        headers: { ...this.headers, ...headers },
        body: body ?? null,
        signal,
        cache: 'no-store',
      }),
    );
    if (!response.ok) throw await refusal(response);
    return response;
  }

  /** @throws like `send`, and `BAD_ANSWER` when the body is not JSON */
  async json<T>(request: Request): Promise<T> {
    const response = await this.send({ ...request, headers: { accept: 'application/json', ...request.headers } });
    const text = await reaching(request.signal, () => response.text());
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new MillraceError('BAD_ANSWER', 'the answer is not JSON', { status: response.status, cause });
    }
  }
}

/** Runs a network call, and throws `UNREACHABLE` for the many errors that a platform may throw.
 *  @throws the signal's reason when it was aborted */
export async function reaching<T>(signal: AbortSignal | null, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    signal?.throwIfAborted();
    throw new MillraceError('UNREACHABLE', 'the connection failed', { retryable: true, cause });
  }
}

/** @returns the query string of a filter, with its `?`; '' if nothing is given */
export function queryOf(filter: object): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) if (value !== undefined) query.set(name, String(value));
  return query.size > 0 ? `?${query}` : '';
}
