import { Backoff, pause } from './backoff.ts';
import { Connection, dataOf, type Message } from './connection.ts';
import { ConnectionLost, type MillraceError } from './errors.ts';
import { isTooMuch, transient, type WatchOptions } from './resumed-events.ts';
import type { ServiceView } from './service-view.ts';
import { type CallOptions, pathOf, Transport, type TransportOptions, withQuery } from './transport.ts';

export type { Dimension, Figures, QuietJob, Row, ServiceView, WorkerView } from './service-view.ts';

export type Role = 'user' | 'manager' | 'admin';

/** A key that was made at run time, without its secret. Times are ISO 8601. */
export interface ApiKey {
  readonly id: string;
  readonly tenant: string;
  readonly role: Role;
  readonly name: string | null;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly lastUsedAt: string | null;
}

export interface NewApiKey {
  readonly tenant: string;
  /** default `user` */
  readonly role?: Role;
  readonly name?: string;
  /** never, if left out */
  readonly expiresInSeconds?: number;
}

/** Which jobs `cancelAll` ends. */
export interface CancelFilter {
  readonly status: 'queued' | 'active';
  readonly tenant?: string;
  readonly pipeline?: string;
}

export interface NowOptions extends WatchOptions {
  /** failures in a row after which it gives up; never, if left out */
  readonly maxFailures?: number;
}

/** how long the service may be silent before its connection counts as lost, milliseconds */
const SILENCE_MS = 45_000;

/** What only admins may do: `@millrace/client/admin`.
 *  @see PROTOCOL.md §6, §11 */
export class MillraceAdmin {
  private readonly transport: Transport;

  constructor(options: TransportOptions = {}) {
    this.transport = new Transport(options);
  }

  /** The keys made at run time, newest first. */
  async keys({ signal }: CallOptions = {}): Promise<readonly ApiKey[]> {
    const { items } = await this.transport.json<{ items: ApiKey[] }>({ method: 'GET', path: '/keys', signal });
    return items;
  }

  /** @returns the key with its secret, `key`, which is shown only this once */
  createKey(key: NewApiKey, { signal }: CallOptions = {}): Promise<ApiKey & { readonly key: string }> {
    return this.transport.json({ method: 'POST', path: '/keys', body: key, signal });
  }

  /** It holds on no node after 2 s.
   *  @throws NotFound */
  async deleteKey(id: string, { signal }: CallOptions = {}): Promise<void> {
    await this.transport.send({ method: 'DELETE', path: pathOf('keys', id), signal });
  }

  /** Cancels all jobs that match.
   *  @returns how many */
  async cancelAll(filter: CancelFilter, { signal }: CallOptions = {}): Promise<number> {
    const path = withQuery('/jobs', filter);
    return (await this.transport.json<{ cancelled: number }>({ method: 'DELETE', path, signal })).cancelled;
  }

  /** Erases all threads and jobs of a tenant, whatever runs. */
  async eraseTenant(tenant: string, { signal }: CallOptions = {}): Promise<void> {
    await this.transport.send({ method: 'DELETE', path: pathOf('tenants', tenant, '/data'), signal });
  }

  /** What the service does, each second, over as many connections as it takes; null while its Redis does not answer.
   *  @throws MillraceError the server refuses, or fails too often
   *  @throws the signal's reason */
  async *now(options: NowOptions = {}): AsyncGenerator<ServiceView | null, void, undefined> {
    const { signal, onOpen, onReconnect, maxFailures = Number.POSITIVE_INFINITY } = options;
    const backoff = new Backoff({ retryMs: 1000, maxRetryMs: 15_000, maxFailures });
    const notes = {
      alive: () => backoff.worked(),
      retry: (retryMs: number) => backoff.serverSays(retryMs),
      isNew: () => true,
    };
    let begun = false;
    for (;;) {
      let cause: MillraceError;
      try {
        const connection = await Connection.open(
          this.transport,
          { method: 'GET', path: '/console/now', signal },
          SILENCE_MS,
        );
        begun = true;
        onOpen?.();
        for await (const { data } of connection.read(notes, pictureOf)) yield data;
        cause = new ConnectionLost('the stream was cut');
      } catch (error) {
        cause = begun && isTooMuch(error) ? error : transient(error);
      }
      const delayMs = backoff.next(cause);
      onReconnect?.({ delayMs, cause });
      await pause(delayMs, signal ?? null);
    }
  }
}

function pictureOf(message: Message): { readonly data: ServiceView | null } | undefined {
  if (message.type === 'service') return { data: dataOf(message) as ServiceView };
  return message.type === 'unavailable' ? { data: null } : undefined;
}
