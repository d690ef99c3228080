import type { Ask } from './testimony.ts';

/** The outcome of one request. */
export interface Answer {
  readonly ask: Ask;
  /** null if there was none */
  readonly response: Response | null;
}

export interface AskOptions {
  /** how long to wait for the answer, milliseconds: its head, and its body too if it is JSON */
  readonly boundMs: number;
}

/** Sends one request about a job. Never throws: a missing answer is an outcome too. */
export async function ask(what: Ask['what'], url: string, init: RequestInit, { boundMs }: AskOptions): Promise<Answer> {
  const at = performance.now();
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), boundMs);
  const told = (status: number | null, id: string | null = null, end?: string): Ask => {
    return { what, at, answeredAt: performance.now(), status, id, end };
  };
  try {
    const response = await fetch(url, { ...init, signal: late.signal });
    const end = await endIn(response);
    return { ask: told(response.status, response.headers.get('x-request-id'), end), response };
  } catch {
    return { ask: told(late.signal.aborted ? null : 0), response: null }; // lost, or too late
  } finally {
    clearTimeout(timer);
  }
}

const ENDS: unknown[] = ['completed', 'failed', 'cancelled'];

async function endIn(response: Response): Promise<string | undefined> {
  if (!response.headers.get('content-type')?.includes('json')) return undefined;
  const { status } = (await response.json()) as { readonly status: unknown };
  return ENDS.includes(status) ? String(status) : undefined;
}
