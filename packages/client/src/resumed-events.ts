import { Backoff, pause, type RetryPolicy } from './backoff.ts';
import { Connection } from './connection.ts';
import type { JobEvent } from './job-event.ts';
import { MillraceError } from './millrace-error.ts';
import type { Transport } from './transport.ts';

/** A connection was lost, and the client is about to reconnect. */
export interface Reconnection {
  /** time until the next try, milliseconds */
  readonly delayMs: number;
  readonly cause: MillraceError;
}

/** How to read a stream over several connections. */
export interface ReadingOptions {
  readonly transport: Transport;
  readonly policy: RetryPolicy;
  /** how long a server may be silent before it counts as lost, milliseconds */
  readonly silenceMs: number;
  readonly signal: AbortSignal | null;
  /** resume after this event; null: where the server begins without one */
  readonly lastEventId: string | null;
  readonly onReconnect: ((reconnection: Reconnection) => void) | null;
}

interface StreamAddress {
  readonly path: string;
  /** of the job, if there is one */
  readonly requestId: string | null;
  /** an open connection for the first reading; null: connect */
  readonly first: Connection | null;
  /** called with each connection that the server has accepted */
  readonly onBegin?: () => void;
}

/** Events over as many connections as it takes: a body that ends is resumed after the last event given, so that there is
 *  no gap and no repeat. It ends when the caller leaves, or when the server says that nothing will come.
 *  @throws MillraceError the server refuses, or is unreachable for too long
 *  @throws the signal's reason
 *  @see PROTOCOL.md §4 */
export async function* resumedEvents(
  options: ReadingOptions,
  { path, requestId, first, onBegin }: StreamAddress,
): AsyncGenerator<JobEvent, void, undefined> {
  const { transport, silenceMs, signal, policy, lastEventId, onReconnect } = options;
  const backoff = new Backoff(policy);
  const notes = { alive: () => backoff.worked(), retry: (retryMs: number) => backoff.serverSays(retryMs) };
  let cursor = lastEventId;
  let given = first;
  let begun = false;
  for (;;) {
    let cause: MillraceError;
    try {
      const headers: Record<string, string> = cursor === null ? {} : { 'last-event-id': cursor };
      const connection =
        given ?? (await Connection.open(transport, { method: 'GET', path, headers, signal }, silenceMs));
      given = null;
      if (connection.isOver) return;
      begun = true;
      onBegin?.();
      // where a stream without a cursor begins: what comes until the next connection is not lost
      cursor ??= connection.lastEventId;
      for await (const event of connection.events(notes)) {
        cursor = event.id;
        yield event;
      }
      cause = new MillraceError('UNREACHABLE', 'the stream was cut', { retryable: true, requestId });
    } catch (error) {
      cause = begun && isTooMuch(error) ? error : transient(error);
    }
    const delayMs = backoff.next(cause);
    onReconnect?.({ delayMs, cause });
    await pause(delayMs, signal);
  }
}

/** The limit of concurrent streams: when a node dies, its readers move to the other nodes all at once. */
function isTooMuch(error: unknown): error is MillraceError {
  return error instanceof MillraceError && error.status === 429;
}

/** @returns the error, if trying again may help
 *  @throws any other error */
export function transient(error: unknown): MillraceError {
  if (error instanceof MillraceError && (error.code === 'UNREACHABLE' || (error.status ?? 0) >= 500)) return error;
  throw error;
}
