import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JobEvent } from '../job-event.ts';

/** What the server does with one request instead of answering it properly. */
export type Mishap =
  /** answers with this status; `retry-after` and problem+json as given */
  | {
      readonly kind: 'refuse';
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: object;
    }
  /** accepts a POST, creates the job, and loses the answer */
  | { readonly kind: 'lose' }
  /** sends some events, then ends the body, or aborts it in the middle of the next event */
  | { readonly kind: 'cut'; readonly after: number; readonly cleanly: boolean }
  /** sends some events, then nothing, not even a heartbeat */
  | { readonly kind: 'hang'; readonly after: number }
  /** ends the body after the opening and one heartbeat */
  | { readonly kind: 'heartbeat-only' }
  /** answers with exactly this body */
  | { readonly kind: 'raw'; readonly contentType: string; readonly body: string };

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A real HTTP server that speaks the protocol for jobs whose whole log is known in advance, with scripted mishaps. */
export class ScriptedServer implements AsyncDisposable {
  /** every request, in order */
  readonly seen: Seen[] = [];
  /** the ids of the created jobs */
  readonly jobs = new Set<string>();
  /** consumed by the next requests, one each */
  readonly mishaps: (Mishap | null)[] = [];
  private readonly server = createServer((request, response) => void this.answer(request, response));

  private constructor(
    private readonly log: readonly JobEvent[],
    private readonly retryMs: number,
    private readonly now: number | null,
  ) {}

  /** @param now the log is that of a thread's jobs, of which so many events have happened: a stream without a cursor begins
   *    there, and none ends by itself */
  static async start(
    log: readonly JobEvent[],
    { retryMs = 1, now = null }: { readonly retryMs?: number; readonly now?: number | null } = {},
  ): Promise<ScriptedServer> {
    const scripted = new ScriptedServer(log, retryMs, now);
    scripted.server.listen(0, '127.0.0.1');
    await once(scripted.server, 'listening');
    return scripted;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Requests to the path of the stream. */
  get resumes(): Seen[] {
    return this.seen.filter(({ path }) => path.endsWith('/stream'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = Buffer.concat(await request.toArray()).toString();
    const { method = '', url = '', headers } = request;
    this.seen.push({ method, path: url, headers, body });
    const mishap = this.mishaps.shift() ?? null;
    if (mishap?.kind === 'refuse') {
      response.writeHead(mishap.status, { 'content-type': 'application/problem+json', ...mishap.headers });
      response.end(JSON.stringify(mishap.body ?? {}));
      return;
    }
    const id = method === 'POST' ? String(headers['x-request-id']) : (url.split('/')[2] ?? '');
    if (method === 'POST') this.jobs.add(id);
    if (mishap?.kind === 'lose') {
      request.socket.destroy();
      return;
    }
    if (mishap?.kind === 'raw') {
      response.writeHead(200, { 'content-type': mishap.contentType }).end(mishap.body);
      return;
    }
    this.stream(id, headers['last-event-id'], response, mishap);
  }

  private stream(id: string, cursor: unknown, response: ServerResponse, mishap: Mishap | null): void {
    const seen = this.log.findIndex((event) => event.id === cursor) + 1;
    const from = cursor === undefined ? (this.now ?? 0) : seen;
    if (from === this.log.length && this.now === null) {
      response.writeHead(204).end();
      return;
    }
    const begins =
      cursor === undefined && this.now !== null ? { 'last-event-id': this.log[from - 1]?.id ?? 'before/0-0' } : {};
    response.writeHead(200, { 'content-type': 'text/event-stream', 'x-request-id': id, ...begins });
    response.write(`retry: ${this.retryMs}\n`);
    if (mishap?.kind === 'heartbeat-only') {
      response.end(': hb\n');
      return;
    }
    const frames = this.log.slice(from).map(frame);
    if (mishap?.kind !== 'cut' && mishap?.kind !== 'hang') {
      if (this.now === null) response.end(frames.join(''));
      else response.write(frames.join(''));
      return;
    }
    response.write(frames.slice(0, mishap.after).join(''));
    if (mishap.kind === 'hang') return;
    if (mishap.cleanly) response.end();
    else response.write((frames[mishap.after] ?? '').slice(0, -1), () => response.destroy());
  }
}

function frame({ id, type, data }: JobEvent): string {
  const name = type === 'text' ? '' : `event: ${type}\n`;
  return `id: ${id}\n${name}data: ${JSON.stringify(data)}\n\n`;
}
