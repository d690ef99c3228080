import { Backoff, pause, type RetryPolicy } from './backoff.ts';
import { Connection } from './connection.ts';
import { ConnectionLost, MillraceError } from './errors.ts';
import type { JobEvent } from './job-event.ts';
import { isAfter } from './position.ts';
import type { CallOptions, Transport } from './transport.ts';

/** A connection was lost, and the client is about to reconnect. */
export interface Reconnection {
  /** time until the next try, milliseconds */
  readonly delayMs: number;
  readonly cause: MillraceError;
}

export interface WatchOptions extends CallOptions {
  /** called whenever a connection was lost and the client is about to reconnect */
  readonly onReconnect?: ((reconnection: Reconnection) => void) | undefined;
  /** called with each connection that the server has accepted */
  readonly onOpen?: (() => void) | undefined;
}

/** How this client reaches a service, and how patient it is. */
export interface Link {
  readonly transport: Transport;
  readonly policy: RetryPolicy;
  /** how long a server may be silent before it counts as lost, milliseconds */
  readonly silenceMs: number;
}

interface Reading extends WatchOptions {
  readonly path: string;
  /** resume after this event; null: where the server begins without one */
  readonly lastEventId: string | null;
  /** an open connection for the first reading; null: connect */
  readonly first?: Connection | null;
}

/** Events over as many connections as it takes: a body that ends is resumed after the last event given, so that there is
 *  no gap and no repeat. It ends when the caller leaves, or when the server says that nothing will come.
 *  @throws MillraceError the server refuses, or is unreachable for too long
 *  @throws the signal's reason
 *  @see PROTOCOL.md §4 */
export async function* resumedEvents(
  { transport, policy, silenceMs }: Link,
  { path, lastEventId, first = null, signal = undefined, onReconnect, onOpen }: Reading,
): AsyncGenerator<JobEvent, void, undefined> {
  const backoff = new Backoff(policy);
  let cursor = lastEventId;
  let given = first;
  let begun = false;
  // of the last event that arrived, given to the caller or not
  let arrived = cursor;
  const notes = {
    alive: () => backoff.worked(),
    retry: (retryMs: number) => backoff.serverSays(retryMs),
    isNew(id: string) {
      if (arrived !== null && !isAfter(id, arrived)) return false;
      arrived = id;
      return true;
    },
  };
  for (;;) {
    let cause: MillraceError;
    try {
      const headers: Record<string, string> = cursor === null ? {} : { 'last-event-id': cursor };
      const request = { method: 'GET', path, headers, signal } as const;
      const connection = given ?? (await Connection.open(transport, request, silenceMs));
      if (given !== null) given.follow(signal ?? null);
      given = null;
      if (connection.isOver) return;
      begun = true;
      onOpen?.();
      // where a stream without a cursor begins: what comes until the next connection is not lost
      cursor ??= connection.lastEventId;
      arrived = cursor;
      for await (const event of connection.events(notes)) {
        cursor = event.id;
        yield event;
      }
      cause = new ConnectionLost('the stream was cut');
    } catch (error) {
      cause = begun && isTooMuch(error) ? error : transient(error);
    }
    const delayMs = backoff.next(cause);
    onReconnect?.({ delayMs, cause });
    await pause(delayMs, signal ?? null);
  }
}

/** The limit of concurrent streams: when a node dies, its readers move to the other nodes all at once. */
export function isTooMuch(error: unknown): error is MillraceError {
  return error instanceof MillraceError && error.status === 429;
}

/** @returns the error, if trying again may help
 *  @throws any other error */
export function transient(error: unknown): MillraceError {
  if (error instanceof MillraceError && (error.code === 'UNREACHABLE' || (error.status ?? 0) >= 500)) return error;
  throw error;
}
