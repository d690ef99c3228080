import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Service } from '../service.ts';
import { messageOf } from '../service.ts';
import { plainLine } from '../terminal/plain.ts';
import { type Finding, fault, ok, warning } from './finding.ts';
import type { ConnectionView } from './nodes.ts';
import { type ProxyName, proxyOf, remedyOf } from './proxies.ts';

/** How much later than the first byte of a stream may come than the answer to any other request, milliseconds. */
const PROMPT_MS = 5000;
/** Longer than the interval, by so much a heartbeat may be late. */
const HEARTBEAT_SLACK_MS = 4000;

/** Times a real stream on its way: one job that waits, so no model is asked, whose stream says what it has to say at once and
 *  then only heartbeats.
 *  @param whole also wait for a heartbeat, which shows the time-outs of what stands between */
export async function examineStream(service: Service, { whole }: { readonly whole: boolean }): Promise<Finding[]> {
  const connection = await connectionOf(service);
  const findings: Finding[] = [];
  const heartbeatMs = connection?.heartbeatMs ?? 15_000;
  const holdMs = whole ? heartbeatMs + HEARTBEAT_SLACK_MS : 0;
  let probe: Probe;
  try {
    probe = await probeAnywhere(service, holdMs);
  } catch (error) {
    return [
      fault(
        'stream',
        `none could be opened: ${plainLine(messageOf(error))}`,
        'mend what is said above first; with keys, set MILLRACE_API_KEY',
      ),
    ];
  }
  const proxy = proxyOf(probe.headers);
  if (connection !== null) findings.push(httpVersionOf(connection, proxy));
  findings.push(compressionOf(probe, proxy), bufferingOf(probe, proxy));
  // a heartbeat cannot be read in a compressed stream
  if (whole && probe.firstMs !== null && !isCompressed(probe)) findings.push(timeOutOf(probe, heartbeatMs, proxy));
  return findings;
}

async function connectionOf({ url, headers }: Service): Promise<ConnectionView | null> {
  const answer = await fetch(`${url}/connection`, { headers }).catch(() => null);
  if (answer === null || !answer.ok) return null;
  return (await answer.json().catch(() => null)) as ConnectionView | null;
}

interface Probe {
  readonly headers: IncomingMessage['headers'];
  /** when its first event came, from the request on; null: not before the job was cancelled */
  readonly firstMs: number | null;
  /** when its first heartbeat came; null: none */
  readonly heartbeatMs: number | null;
  /** when it was cut off from outside; null: never */
  readonly cutMs: number | null;
}

/** What is looked at is the way of the stream: which of several Redis has the job does not matter. */
async function probeAnywhere(service: Service, holdMs: number): Promise<Probe> {
  try {
    return await probeStream(service, { holdMs, id: `doctor-${crypto.randomUUID()}` });
  } catch (error) {
    const [id] = error instanceof StreamRefused ? error.otherIds : [];
    if (id === undefined) throw error;
    return probeStream(service, { holdMs, id });
  }
}

/** @throws StreamRefused */
async function probeStream(
  { url, headers, millrace }: Service,
  { holdMs, id }: { readonly holdMs: number; readonly id: string },
): Promise<Probe> {
  const send = url.startsWith('https:') ? httpsRequest : httpRequest;
  const body = JSON.stringify({ query: 'millrace doctor', delayMs: holdMs + 60_000, onDisconnect: 'cancel' });
  const request = send(`${url}/jobs`, {
    method: 'POST',
    agent: false,
    headers: {
      ...headers,
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      accept: 'text/event-stream',
      'accept-encoding': 'gzip, br',
      'x-request-id': id,
    },
  });
  const from = performance.now();
  const elapsed = () => Math.round(performance.now() - from);
  const waiting = AbortSignal.timeout(PROMPT_MS + holdMs);
  const cancel = () => millrace.jobs.resume(id).cancel();
  const seen = { firstMs: null as number | null, heartbeatMs: null as number | null };
  // a proxy that buffers may hold back the headers, too: then the end of the job releases them
  const release = setTimeout(() => void cancel().catch(() => undefined), PROMPT_MS + holdMs);
  try {
    const answered = once(request, 'response') as Promise<[IncomingMessage]>;
    request.end(body);
    const [answer] = await answered;
    if (answer.statusCode !== 200) throw await refusalOf(answer);
    let cutMs: number | null = null;
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        if (waiting.aborted) continue;
        const piece = chunk.toString('latin1');
        seen.firstMs ??= elapsed();
        if (/(^|\n): ?hb/.test(piece)) seen.heartbeatMs ??= elapsed();
        if (seen.heartbeatMs !== null || (holdMs === 0 && seen.firstMs !== null)) break;
      }
      if (!waiting.aborted && seen.heartbeatMs === null && holdMs > 0) cutMs = elapsed();
    } catch {
      cutMs = elapsed();
    }
    return { headers: answer.headers, ...seen, cutMs };
  } finally {
    clearTimeout(release);
    request.destroy();
    await cancel().catch(() => undefined); // it may be cancelled, or never have come to be
  }
}

class StreamRefused extends Error {
  constructor(
    message: string,
    readonly otherIds: readonly string[] = [],
  ) {
    super(message);
  }
}

async function refusalOf(answer: IncomingMessage): Promise<StreamRefused> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  try {
    const { detail = '', otherIds } = JSON.parse(text) as { detail?: string; otherIds?: string[] };
    return new StreamRefused(`${answer.statusCode}: ${detail}`, otherIds);
  } catch {
    return new StreamRefused(`${answer.statusCode} from ${answer.headers['server'] ?? 'an unknown server'}`);
  }
}

function httpVersionOf({ httpVersion }: ConnectionView, proxy: ProxyName): Finding {
  const about = 'proxy: HTTP version';
  if (httpVersion !== '1.0') return ok(about, `HTTP/${plainLine(httpVersion)} to the node`);
  const says = 'HTTP/1.0 to the node: a connection for each request, and a cut answer looks like a whole one';
  return fault(about, says, remedyOf(proxy, 'version'));
}

function isCompressed({ headers }: Pick<Probe, 'headers'>): boolean {
  return !['identity', undefined].includes(headers['content-encoding']);
}

function compressionOf({ headers }: Probe, proxy: ProxyName): Finding {
  const about = 'proxy: compression';
  if (!isCompressed({ headers })) return ok(about, 'streams come as they are');
  return fault(
    about,
    `streams are compressed (${plainLine(headers['content-encoding'] ?? '')}): tokens wait in the compressor`,
    remedyOf(proxy, 'compression'),
  );
}

function bufferingOf({ firstMs }: Probe, proxy: ProxyName): Finding {
  const about = 'proxy: buffering';
  if (firstMs !== null) return ok(about, `the first event came after ${firstMs} ms`);
  return fault(
    about,
    'nothing of a stream comes before its end: something between collects it',
    remedyOf(proxy, 'buffering'),
  );
}

function timeOutOf({ heartbeatMs, cutMs }: Probe, intervalMs: number, proxy: ProxyName): Finding {
  const about = 'proxy: time-outs';
  if (heartbeatMs !== null)
    return ok(about, `a quiet stream lived until its heartbeat (${(heartbeatMs / 1000).toFixed(1)} s)`);
  if (cutMs !== null) {
    const says = `a quiet stream was cut after ${(cutMs / 1000).toFixed(1)} s; heartbeats come every ${intervalMs / 1000} s`;
    return fault(about, says, remedyOf(proxy, 'time-out'));
  }
  return warning(about, 'no heartbeat came', remedyOf(proxy, 'buffering'));
}
