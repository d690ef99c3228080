import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { bytesOf, SCENARIOS, type Scenario, type Step } from './scenarios.ts';

const HEARTBEAT_MS = 15_000;
/** Of runs that are silent or slow. The others leave a busy client its time. */
const SHORT_HEARTBEAT_MS = 100;
const JOB_ID = 'conformance-job-1';
const THREAD_ID = 'conformance-thread';
/** Where the thread stands before its scenario: the end of an earlier job. */
const THREAD_NOW = 'earlier-job-00001/1-5';
/** at a time: a run is over when its client has reported */
const MAX_RUNS = 10_000;

/** What a client is told of its run of a scenario. */
export interface ScenarioRun {
  /** the service, as the client is to see it */
  readonly url: string;
  /** where to report what it made of the run */
  readonly report: string;
  /** whether it makes the job, follows one that is there, or watches a thread */
  readonly start: Scenario['start'];
  readonly jobId: string;
  readonly threadId: string;
  /** the event after which it begins; null: without a cursor */
  readonly lastEventId: string | null;
  /** of the job that it makes */
  readonly query: string;
  readonly heartbeatMs: number;
}

interface Run {
  readonly scenario: Scenario;
  readonly steps: Step[];
  /** what was wrong with its requests */
  readonly faults: string[];
  jobId: string;
  body: string | null;
  /** how many events of the log have gone out whole, or were there before */
  sent: number;
  /** the client has a place to come back to, also when it has seen no event */
  hasPlace: boolean;
  /** no request may come before: ms since the epoch */
  notBefore: number;
  requests: number;
}

/** A server that leads clients of the protocol through scripted mishaps, and judges what they made of it. */
export class ConformanceServer implements AsyncDisposable {
  readonly server = createServer((request, response) => void this.#answer(request, response));
  readonly #runs = new Map<string, Run>();
  #begun = 0;

  /** @param port 0: any */
  static async start(port = 0): Promise<ConformanceServer> {
    const conformance = new ConformanceServer();
    conformance.server.listen(port, '127.0.0.1');
    await once(conformance.server, 'listening');
    return conformance;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // a client in a page of another origin may be judged, too
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('access-control-allow-headers', '*');
    response.setHeader('access-control-expose-headers', '*');
    if (request.method === 'OPTIONS') return void response.writeHead(204).end();
    const body = Buffer.concat(await request.toArray()).toString();
    const [, kind, name = '', ...rest] = (request.url ?? '').split('/');
    if (kind === 'scenarios') return this.#scenarios(request, response, name);
    const run = this.#runs.get(name);
    if (kind !== 'runs' || run === undefined) return void response.writeHead(404).end();
    if (rest[0] === 'report') {
      this.#runs.delete(name);
      return json(response, 200, judge(run, body));
    }
    this.#play(run, request, response, body);
  }

  #scenarios({ method }: IncomingMessage, response: ServerResponse, name: string): void {
    if (method === 'GET') {
      json(response, 200, { items: SCENARIOS.map(({ name, rule, start }) => ({ name, rule, start })) });
      return;
    }
    const scenario = SCENARIOS.find((each) => each.name === name);
    if (scenario === undefined || this.#runs.size >= MAX_RUNS) return void response.writeHead(404).end();
    this.#begun += 1;
    const id = String(this.#begun);
    const { start, log, lastEventId = null, steps } = scenario;
    const isSlow = steps.some(({ silentAfter, gapMs }) => silentAfter !== undefined || gapMs !== undefined);
    const place = { sent: log.findIndex(({ id }) => id === lastEventId) + 1, hasPlace: lastEventId !== null };
    const fresh = { faults: [], jobId: JOB_ID, body: null, notBefore: 0, requests: 0, ...place };
    this.#runs.set(id, { scenario, steps: [...scenario.steps], ...fresh });
    const url = `${this.url}/runs/${id}`;
    const told: ScenarioRun = {
      ...{ url, report: `${url}/report`, start, jobId: JOB_ID, threadId: THREAD_ID, lastEventId },
      ...{ query: 'Why?', heartbeatMs: isSlow ? SHORT_HEARTBEAT_MS : HEARTBEAT_MS },
    };
    json(response, 201, told);
  }

  #play(run: Run, request: IncomingMessage, response: ServerResponse, body: string): void {
    run.requests += 1;
    checkRequest(run, request, body);
    const step = run.steps.shift() ?? {};
    if (step.lost === true) return void request.socket.destroy();
    if (run.scenario.start !== 'watch') response.setHeader('x-request-id', run.jobId);
    if (step.status !== undefined) {
      run.notBefore = Date.now() + 1000 * Number(step.headers?.['retry-after'] ?? 0);
      refuse(response, step.status, step.code, step.headers);
      return;
    }
    void stream(run, step, request.headers['last-event-id'], response);
  }
}

async function stream(run: Run, step: Step, cursor: unknown, response: ServerResponse): Promise<void> {
  const { log, start } = run.scenario;
  const seen = log.findIndex(({ id }) => id === cursor) + 1;
  if (seen === log.length) {
    // a job has ended; a thread goes on until somebody erases it
    if (start === 'watch') refuse(response, 404, 'THREAD_NOT_FOUND');
    else response.writeHead(204).end();
    return;
  }
  if (start === 'watch') {
    // who leaves because of the silence may have seen nothing
    run.hasPlace ||= step.silentAfter === undefined;
    if (cursor === undefined) response.setHeader('last-event-id', THREAD_NOW);
  }
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache, no-transform' });
  const from = Math.max(0, seen - (step.repeats ?? 0));
  const to = step.silentAfter === undefined ? log.length : from + step.silentAfter;
  const body = bytesOf(log.slice(from, to), step);
  const bytes = body.subarray(0, step.cutAt);
  for (let last = from + 1; last <= to; last += 1) {
    if (bytesOf(log.slice(from, last), step).length <= bytes.length) run.sent = Math.max(run.sent, last);
  }
  const size = step.pieces ?? Math.max(1, bytes.length);
  for (let at = 0; at < bytes.length; at += size) {
    response.write(bytes.subarray(at, at + size));
    // a turn of the event loop each, at least: otherwise the socket joins them
    if (step.pieces !== undefined) await (step.gapMs === undefined ? setImmediate() : setTimeout(step.gapMs));
  }
  if (step.silentAfter !== undefined) return;
  // not before what was written has left
  if (step.breaksOff === true) response.write('', () => response.destroy());
  else response.end();
}

function checkRequest(run: Run, { method, url = '', headers }: IncomingMessage, body: string): void {
  const { faults, scenario } = run;
  if (Date.now() < run.notBefore) faults.push('a request came before Retry-After allows it');
  if (method === 'POST') {
    const id = String(headers['x-request-id']);
    if (scenario.start !== 'create') faults.push('no job was to be created');
    if (!/^[A-Za-z0-9_-]{16,64}$/.test(id)) faults.push('POST /jobs has no request id of its own');
    if (run.body !== null && (run.jobId !== id || run.body !== body)) faults.push('a repeated POST is not the same');
    [run.jobId, run.body] = [id, body];
    return;
  }
  const path = scenario.start === 'watch' ? `/threads/${THREAD_ID}/stream` : `/jobs/${run.jobId}/stream`;
  if (!url.endsWith(path)) faults.push(`${method} ${url} is not ${path}`);
  const cursor = headers['last-event-id'];
  if (cursor === undefined || cursor === '') {
    if (run.hasPlace) faults.push('a request has no cursor, and there was one');
    return;
  }
  if (scenario.start === 'watch' && cursor === THREAD_NOW) return;
  const at = scenario.log.findIndex(({ id }) => id === cursor) + 1;
  if (at === 0) faults.push(`the cursor ${cursor} is not the id of an event`);
  if (at > run.sent) faults.push(`the cursor ${cursor} is beyond what was sent`);
}

function judge({ scenario, faults, requests, steps }: Run, report: string) {
  const { text, end } = JSON.parse(report) as { text?: unknown; end?: unknown };
  const found = [...faults];
  if (text !== scenario.text) found.push(`the text is ${JSON.stringify(text)}, not ${JSON.stringify(scenario.text)}`);
  if (end !== scenario.end) found.push(`the end is ${String(end)}, not ${scenario.end}`);
  if (steps.length > 0) found.push(`the client left after ${requests} requests`);
  return { scenario: scenario.name, passed: found.length === 0, faults: found };
}

function refuse(response: ServerResponse, status: number, code?: string, headers: Step['headers'] = {}): void {
  response.writeHead(status, { 'content-type': 'application/problem+json', ...headers });
  response.end(JSON.stringify({ status, code }));
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
