import { BadAnswer, ConnectionLost, InvalidRequest, MillraceError, refusal } from './errors.ts';
import { Wire } from './wire.ts';

/** How long a server may take to begin its answer, milliseconds. A body of 1 MiB takes its time on a slow line. */
const ANSWER_MS = 60_000;
const ANSWER_TO_BODY_MS = 600_000;

/** The part of `fetch` that this client needs. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface TransportOptions {
  /** origin and path prefix of the service; left out in a browser: the page's own origin */
  readonly baseUrl?: string;
  /** an API key, a JWT or a token, or what gives the one of the moment: asked before each request, so a stream whose
   *  credential has ended comes back with the next one */
  readonly apiKey?: string | (() => string | undefined | Promise<string | undefined>);
  readonly fetch?: Fetch;
}

export interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** sent as JSON */
  readonly body?: unknown;
  readonly signal?: AbortSignal | null | undefined;
}

export interface CallOptions {
  /** stops the call; it never cancels a job */
  readonly signal?: AbortSignal | undefined;
}

/** HTTP exchanges with the service: address, key, and errors that say what happened. */
export class Transport {
  private readonly baseUrl: string;
  private readonly apiKey: TransportOptions['apiKey'];
  private readonly fetch: Fetch;

  constructor({ baseUrl = '', apiKey, fetch: fetchOption }: TransportOptions) {
    this.baseUrl = baseUrl.replace(/(?<!\/)\/+$/, '');
    this.apiKey = apiKey;
    // called as a function: a browser's fetch throws as a method of anything but its window
    this.fetch = fetchOption ?? ((url, init) => fetch(url, init));
  }

  /** @throws RequestRefused the server refuses; InvalidRequest also where the body cannot be sent as JSON
   *  @throws ConnectionLost the connection failed, or what gives the credential; a MillraceError of that as it is
   *  @throws the signal's reason */
  async send({ method, path, headers: extra, body, signal = null }: Request): Promise<Response> {
    const headers: Record<string, string> = { ...extra };
    const key = await this.#credential(signal);
    if (key !== undefined) headers['authorization'] = `Bearer ${key}`;
    if (body !== undefined) headers['content-type'] = 'application/json';
    const text = body === undefined ? null : jsonOf(body);
    const init = { method, headers, body: text, signal, cache: 'no-store' } as const;
    const response = await reaching(signal, () => this.fetch(this.baseUrl + path, init));
    if (!response.ok) throw await refusal(response);
    return response;
  }

  async #credential(signal: AbortSignal | null): Promise<string | undefined> {
    const { apiKey } = this;
    return typeof apiKey === 'function' ? reaching(signal, () => unlessAborted(signal, async () => apiKey())) : apiKey;
  }

  /** @throws like `send`, ConnectionLost when the server does not begin to answer, and BadAnswer when the body is not JSON */
  async json<T>(request: Request): Promise<T> {
    const wire = new Wire(request.body === undefined ? ANSWER_MS : ANSWER_TO_BODY_MS);
    const { signal } = wire;
    try {
      wire.follow(request.signal);
      const headers = { accept: 'application/json', ...request.headers };
      const response = await wire.during(() => this.send({ ...request, headers, signal }));
      const text = await reaching(signal, () => response.text());
      return parsed(text, response.status);
    } finally {
      wire.release();
    }
  }
}

/** Waits for what knows nothing of the signal, until the signal aborts. */
async function unlessAborted<T>(signal: AbortSignal | null, work: () => Promise<T>): Promise<T> {
  if (signal === null) return work();
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    work()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', abort));
  });
}

/** @throws BadAnswer */
function parsed<T>(text: string, status: number): T {
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new BadAnswer('the answer is not JSON', { status, cause });
  }
}

function jsonOf(body: unknown): string {
  try {
    return JSON.stringify(body);
  } catch (cause) {
    throw new InvalidRequest('INVALID_REQUEST', 'the body cannot be sent as JSON', { cause });
  }
}

/** Runs a network call, and throws ConnectionLost for the many errors that a platform may throw.
 *  @throws the signal's reason when it was aborted */
export async function reaching<T>(signal: AbortSignal | null | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof MillraceError) throw cause;
    throw new ConnectionLost('the connection failed', { cause });
  }
}

/** @returns the path with the query of a filter */
export function withQuery(path: string, filter: object): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) if (value !== undefined) query.set(name, String(value));
  return query.size > 0 ? `${path}?${query}` : path;
}

/** @returns a path whose last part, if given, comes after the id */
export function pathOf(collection: string, id: string, part = ''): string {
  return `/${collection}/${encodeURIComponent(id)}${part}`;
}
