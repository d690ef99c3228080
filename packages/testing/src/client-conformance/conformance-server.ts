import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bytesOf, SCENARIOS, type Scenario, type Step } from './scenarios.ts';

/** Of the runs; a client whose clock for silence is longer waits in vain. */
const HEARTBEAT_MS = 100;
const JOB_ID = 'conformance-job-1';
/** at a time: a run is over when its client has reported */
const MAX_RUNS = 10_000;

/** What a client is told of its run of a scenario. */
export interface ScenarioRun {
  /** the service, as the client is to see it */
  readonly url: string;
  /** where to report what it made of the run */
  readonly report: string;
  /** whether it makes the job, or follows one that is there */
  readonly start: Scenario['start'];
  readonly jobId: string;
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
  /** how many events of the log have gone out whole */
  sent: number;
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
    const fresh = { faults: [], jobId: JOB_ID, body: null, sent: 0, notBefore: 0, requests: 0 };
    this.#runs.set(id, { scenario, steps: [...scenario.steps], ...fresh });
    const url = `${this.url}/runs/${id}`;
    const { start } = scenario;
    const told: ScenarioRun = {
      ...{ url, report: `${url}/report`, start, jobId: JOB_ID, query: 'Why?', heartbeatMs: HEARTBEAT_MS },
    };
    json(response, 201, told);
  }

  #play(run: Run, request: IncomingMessage, response: ServerResponse, body: string): void {
    run.requests += 1;
    checkRequest(run, request, body);
    const step = run.steps.shift() ?? {};
    if (step.lost === true) return void request.socket.destroy();
    response.setHeader('x-request-id', run.jobId);
    if (step.status !== undefined) {
      run.notBefore = Date.now() + 1000 * Number(step.headers?.['retry-after'] ?? 0);
      response.writeHead(step.status, { 'content-type': 'application/problem+json', ...step.headers });
      return void response.end(JSON.stringify({ status: step.status, code: step.code }));
    }
    void stream(run, step, request.headers['last-event-id'], response);
  }
}

async function stream(run: Run, step: Step, cursor: unknown, response: ServerResponse): Promise<void> {
  const { log } = run.scenario;
  const seen = log.findIndex(({ id }) => id === cursor) + 1;
  if (seen === log.length) return void response.writeHead(204).end();
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
    // a turn of the event loop each: otherwise the socket joins them
    if (step.pieces !== undefined) await new Promise(setImmediate);
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
    if (scenario.start === 'resume') faults.push('the job was to be resumed, not created');
    if (!/^[A-Za-z0-9_-]{16,64}$/.test(id)) faults.push('POST /jobs has no request id of its own');
    if (run.body !== null && (run.jobId !== id || run.body !== body)) faults.push('a repeated POST is not the same');
    [run.jobId, run.body] = [id, body];
    return;
  }
  if (!url.endsWith(`/jobs/${run.jobId}/stream`)) faults.push(`${method} ${url} is not the stream of the job`);
  const cursor = headers['last-event-id'];
  if (cursor === undefined || cursor === '') return;
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

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
