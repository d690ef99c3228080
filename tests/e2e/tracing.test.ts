import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ModelRequest } from '@millrace/simulated-model';
import { canary, eventually, freePort } from '@millrace/testing';
import { hasPrometheus, Prometheus } from './prometheus.ts';
import { idOf, SystemHarness } from './system-harness.ts';
import { type ReceivedSpan, TraceCollector } from './trace-collector.ts';

const SECRET = `whsec_${Buffer.alloc(32, 'secret').toString('base64')}`;
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const CALLER = 'b7ad6b7169203331';
const SERVER = 2;
const CLIENT = 3;
const PRODUCER = 4;
const CONSUMER = 5;
const ERROR = 2;

let collector: TraceCollector;
let receiver: ReturnType<typeof createServer>;
let received: (string | undefined)[];
let system: SystemHarness;

beforeAll(async () => {
  collector = await TraceCollector.start();
  received = [];
  receiver = createServer((request, response) => {
    received.push(request.headers['traceparent'] as string | undefined);
    request.resume().on('end', () => response.writeHead(204).end());
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  system = await SystemHarness.start({
    env: {
      ...collector.env,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-key=of%20the%20collector',
      MILLRACE_WORKER_LOCK_MS: '5000',
      MILLRACE_WORKER_STALL_CHECK_MS: '1000',
      MILLRACE_GRAPHS: 'tests/e2e/looking-agent/langgraph.json',
      MILLRACE_WEBHOOK_SECRET: SECRET,
      MILLRACE_WEBHOOK_ALLOW: '127.0.0.1',
      MILLRACE_TRACE_URL: 'https://traces.example/{traceId}',
    },
  });
});
afterAll(async () => {
  await system?.[Symbol.asyncDispose]();
  await collector?.[Symbol.asyncDispose]();
  receiver?.closeAllConnections();
  receiver?.close();
});

/** The only span of a name. */
function the(spans: readonly ReceivedSpan[], name: string): ReceivedSpan {
  const found = spans.filter((span) => span.name === name);
  const [span] = found;
  if (span === undefined || found.length > 1) throw new Error(`${found.length} of ${name} in ${spans.map(outline)}`);
  return span;
}

const outline = ({ name, attributes }: ReceivedSpan) => `${name} ${attributes['millrace.attempt'] ?? ''}`;

/** What a span hangs under. */
const parentOf = (spans: readonly ReceivedSpan[], { parentSpanId }: ReceivedSpan) =>
  spans.find(({ spanId }) => spanId === parentSpanId)?.name;

const sorted = (words: readonly string[]) => words.toSorted((a, b) => a.localeCompare(b, 'en'));

const linkTo = ({ traceId, spanId }: ReceivedSpan) => expect.objectContaining({ traceId, spanId });

function resultsIn({ body }: ModelRequest): number {
  return (body.messages ?? []).filter(({ role }) => role === 'tool').length;
}

describe('the trace of a job', () => {
  it('is one from the POST at one node to the last token, and resumes at the other and webhooks are linked to it', async () => {
    const [prompt, answer] = [canary('a prompt of POST /jobs'), canary('the output of a model')];
    const gate = system.model.gated({ to: prompt });
    const hook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook/of-a-secret?key=secret`;
    const headers = { traceparent: `00-${TRACE}-${CALLER}-01` };
    await using stream = await system.ask({ query: prompt, webhook: hook }, { headers, at: system.node(0) });
    await gate.say('first ');
    await stream.until(({ event }) => event === 'message');
    const id = idOf(stream);
    const cursor = stream.events.at(-1)?.id ?? '';
    await using resumed = await system.watch(id, { after: cursor, at: system.node(1) });
    await gate.say(answer);
    await gate.finish();
    await Promise.all([stream.collect(), resumed.collect()]);

    const names = ['POST /jobs', 'admit', 'enqueue', 'queue wait', 'attempt', 'chat gpt-4o-mini', 'POST'];
    const spans = await collector.until(id, [...names, 'POST', 'GET /jobs/:id/stream', 'webhook']);
    const post = the(spans, 'POST /jobs');
    expect(post).toMatchObject({ kind: SERVER, traceId: TRACE, parentSpanId: CALLER, service: 'millrace-api' });
    expect(post.attributes).toMatchObject({
      'millrace.request_id': id,
      'http.route': '/jobs',
      'http.response.status_code': 200,
    });
    const own = spans.filter(({ traceId }) => traceId === TRACE);
    expect(sorted(own.map(({ name }) => name))).toEqual(sorted(names));
    for (const name of ['admit', 'enqueue', 'queue wait', 'attempt']) {
      expect([name, parentOf(own, the(own, name))]).toEqual([name, 'POST /jobs']);
    }
    expect(the(own, 'enqueue').kind).toBe(PRODUCER);
    const attempt = the(own, 'attempt');
    expect(attempt).toMatchObject({ kind: CONSUMER, service: 'millrace-worker', links: [] });
    expect(attempt.attributes).toMatchObject({
      ...{ 'millrace.attempt': 1, 'millrace.outcome': 'completed', 'millrace.tenant': 'default' },
      ...{ 'millrace.pipeline': 'chat', 'millrace.request_id': id },
    });
    const wait = the(own, 'queue wait');
    expect(wait.startMs).toBeLessThanOrEqual(wait.endMs);
    expect(wait.endMs).toBeLessThanOrEqual(attempt.endMs);
    const chat = the(own, 'chat gpt-4o-mini');
    expect(chat).toMatchObject({ kind: CLIENT });
    expect(parentOf(own, chat)).toBe('attempt');
    expect(chat.attributes).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt-4o-mini',
      'gen_ai.response.model': expect.any(String),
      'gen_ai.response.id': expect.any(String),
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.usage.input_tokens': expect.any(Number),
      'gen_ai.usage.output_tokens': expect.any(Number),
    });
    const request = the(own, 'POST');
    expect(parentOf(own, request)).toBe('chat gpt-4o-mini');
    expect(request).toMatchObject({ kind: CLIENT, attributes: { 'http.response.status_code': 200 } });

    const resume = the(spans, 'GET /jobs/:id/stream');
    expect(resume.traceId).not.toBe(TRACE);
    expect(resume.links).toEqual([linkTo(post)]);
    expect(resume.attributes['millrace.cursor']).toBe(cursor);
    const webhook = the(spans, 'webhook');
    expect(webhook.traceId).not.toBe(TRACE);
    expect(webhook).toMatchObject({ links: [linkTo(post)], attributes: { 'millrace.outcome': 'delivered' } });
    expect(parentOf(spans, spans.find(({ parentSpanId }) => parentSpanId === webhook.spanId) ?? post)).toBe('webhook');

    expect(collector.requests[0]).toMatchObject({ path: '/v1/traces', headers: { 'x-key': 'of the collector' } });
    for (const word of [prompt, answer, 'of-a-secret', 'key=secret', SECRET])
      expect(collector.text).not.toContain(word);
    // the model and the receiver are told nothing
    expect((await gate.request).headers['traceparent']).toBeUndefined();
    expect(received).toEqual([undefined]);
    const console = await fetch(`${system.url}/console/jobs/${id}`);
    expect(await console.json()).toMatchObject({ traceUrl: `https://traces.example/${TRACE}` });
  });

  it('has later attempts in traces of their own, linked to it', async () => {
    const gate = system.model.gated({ to: 'crash' });
    await using stream = await system.askUntilText('crash', gate, 'half an ans');
    system.model.answer(['the whole answer'], { to: 'crash' });
    const id = idOf(stream);
    const lost = await system.runnerOf(id);
    await lost.kill();
    await stream.collect();
    expect(stream.text()).toBe('the whole answer');
    const spans = await collector.until(id, ['POST /jobs', 'attempt', 'chat gpt-4o-mini']);
    const post = the(spans, 'POST /jobs');
    // what the lost worker had not sent is lost with it
    const second = spans.find(({ attributes }) => attributes['millrace.attempt'] === 2);
    expect(second).toMatchObject({ name: 'attempt', links: [linkTo(post)] });
    expect(second?.traceId).not.toBe(post.traceId);
    expect(spans.filter(({ traceId }) => traceId === second?.traceId).map(({ name }) => name)).toContain(
      'chat gpt-4o-mini',
    );
  });

  it('has the models and tools of an agent, and their requests', async () => {
    const look = { toolCall: { id: 'call_1', name: 'look', arguments: JSON.stringify({ at: 'the sky' }) } };
    system.model.answer((request) => (resultsIn(request) === 0 ? [look] : ['It is blue.']), { to: 'look up' });
    await using stream = await system.ask({ query: 'look up', pipeline: 'looking' });
    await stream.collect();
    expect(stream.terminal()?.event).toBe('done');
    const names = ['POST /jobs', 'attempt', 'chat simulated', 'chat simulated', 'execute_tool look', 'POST', 'POST'];
    const spans = await collector.until(idOf(stream), names);
    const tool = the(spans, 'execute_tool look');
    expect(parentOf(spans, tool)).toBe('attempt');
    expect(tool.attributes).toMatchObject({
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'look',
      'gen_ai.tool.call.id': 'call_1',
    });
    expect(JSON.stringify(tool)).not.toContain('the sky');
    const chats = spans.filter(({ name }) => name === 'chat simulated');
    expect(chats.map(({ attributes }) => attributes['gen_ai.response.finish_reasons'])).toEqual(
      expect.arrayContaining([['tool_calls'], ['stop']]),
    );
    // each call has the request that it made
    const requests = spans.filter(({ name }) => name === 'POST');
    expect(sorted(requests.map(({ parentSpanId }) => `${parentSpanId}`))).toEqual(
      sorted(chats.map(({ spanId }) => spanId)),
    );
  });

  it('names an error by its code, without its words', async () => {
    const words = 'the model quotes the prompt';
    system.model.failNext(1, { status: 400, message: words });
    await using stream = await system.ask('refused');
    await stream.collect();
    const spans = await collector.until(idOf(stream), ['attempt', 'chat gpt-4o-mini', 'POST']);
    const failed = { status: { code: ERROR } };
    expect(the(spans, 'attempt')).toMatchObject({ ...failed, attributes: { 'error.type': 'MODEL_ERROR' } });
    expect(the(spans, 'chat gpt-4o-mini')).toMatchObject({ ...failed, attributes: { 'error.type': '400' } });
    for (const { status, events } of spans) expect([status?.message, events ?? []]).toEqual([undefined, []]);
    expect(collector.text).not.toContain(words);
  });

  it('links the repetition of a POST', async () => {
    const headers = { 'x-request-id': 'asked-twice-for-traces' };
    system.model.answer(['once'], { to: 'twice' });
    await using first = await system.ask('twice', { headers, at: system.node(0) });
    await first.collect();
    await using second = await system.ask('twice', { headers, at: system.node(1) });
    await second.collect();
    const spans = await collector.until('asked-twice-for-traces', ['POST /jobs', 'POST /jobs', 'attempt']);
    const [one, two] = spans.filter(({ name }) => name === 'POST /jobs').toSorted((a, b) => a.startMs - b.startMs);
    expect(one?.links).toEqual([]);
    expect(two?.links).toEqual([expect.objectContaining({ traceId: one?.traceId, spanId: one?.spanId })]);
  });
});

(hasPrometheus ? describe : describe.skip)('exemplars', () => {
  interface Exemplars {
    readonly seriesLabels: { readonly __name__: string };
    readonly exemplars: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: string }[];
  }

  it('lead from first tokens to their traces, and from no other, in a Prometheus that names all series as before', async () => {
    // another test kills a worker
    const services = [...system.apis, ...system.workers];
    const answers = await Promise.allSettled(services.map(({ url }) => fetch(`${url}/metrics`)));
    const alive = services.filter((_, place) => answers[place]?.status === 'fulfilled');
    const targets = alive.map(({ url }) => new URL(url).host);
    const configuration = {
      global: { scrape_interval: '1s' },
      scrape_configs: [{ job_name: 'millrace', static_configs: [{ targets }] }],
    };
    await using prometheus = await Prometheus.start(configuration, { args: ['--enable-feature=exemplar-storage'] });
    const traceId = 'c'.repeat(32);
    const ask = async (traceparent: string) => {
      await using stream = await system.ask('hello', { headers: { traceparent } });
      await stream.collect();
    };
    const unrecorded = 'd'.repeat(32);
    await ask(`00-${unrecorded}-${CALLER}-00`);
    await ask(`00-${traceId}-${CALLER}-01`);
    const query = '{__name__=~"millrace_.*_bucket"}';
    const found = await eventually(async () => {
      const range = { query, start: String(Date.now() / 1_000 - 600), end: String(Date.now() / 1_000 + 60) };
      const series = await prometheus.get<Exemplars[]>('query_exemplars', range);
      const names = series.flatMap(({ seriesLabels, exemplars }) =>
        exemplars.some(({ labels }) => labels['trace_id'] === traceId) ? [seriesLabels.__name__] : [],
      );
      return new Set(names).size === 2 && { series, names };
    });
    expect(new Set(found.names)).toEqual(
      new Set(['millrace_stream_first_token_seconds_bucket', 'millrace_worker_first_token_seconds_bucket']),
    );
    const all = found.series.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels));
    for (const labels of all) expect(labels).toEqual({ trace_id: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(all.map(({ trace_id }) => trace_id)).not.toContain(unrecorded);

    // Prometheus has asked for OpenMetrics; others get the text
    const pages = await Promise.all(alive.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()));
    const plain = pages.flatMap((page) => page.match(/^\w+(?=[{ ])/gm) ?? []);
    const ofItself = /^(?:up$|scrape_)/;
    const stored = await eventually(async () => {
      const names = await prometheus.get<string[]>('label/__name__/values');
      return plain.every((name) => names.includes(name)) && names.filter((name) => !ofItself.test(name));
    });
    expect(sorted(stored)).toEqual(sorted([...new Set(plain)]));
  });
});

describe('traces', () => {
  it('with a share of 0 are none, even where a service ends', async () => {
    await using unused = await TraceCollector.start();
    const env = { ...unused.env, OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' };
    await using quiet = await SystemHarness.start({ processes: 1, env });
    await using stream = await quiet.ask('hello');
    await stream.collect();
    await using again = await quiet.watch(idOf(stream));
    await again.collect();
    for (const service of [...quiet.apis, ...quiet.workers]) expect(await service.stop()).toMatchObject({ code: 0 });
    expect(unused.requests).toEqual([]);
  });

  it('hold content, and are told to the model, only if the settings say so', async () => {
    await using own = await TraceCollector.start();
    const env = {
      ...own.env,
      MILLRACE_TRACE_CONTENT: 'true',
      MILLRACE_TRACE_PROPAGATE: 'true',
      MILLRACE_GRAPHS: 'tests/e2e/looking-agent/langgraph.json',
    };
    await using open = await SystemHarness.start({ processes: 1, env });
    open.model.answer(['an answer to show'], { to: 'a prompt to show' });
    await using stream = await open.ask('a prompt to show');
    await stream.collect();
    expect(stream.text()).toBe('an answer to show');
    const spans = await own.until(idOf(stream), ['attempt', 'chat gpt-4o-mini', 'POST']);
    const chat = the(spans, 'chat gpt-4o-mini');
    const messages = (name: string) => JSON.parse(String(chat.attributes[name])) as unknown;
    expect(messages('gen_ai.input.messages')).toEqual([
      { role: 'user', parts: [{ type: 'text', content: 'a prompt to show' }] },
    ]);
    expect(messages('gen_ai.output.messages')).toEqual([
      { role: 'assistant', parts: [{ type: 'text', content: 'an answer to show' }], finish_reason: 'stop' },
    ]);
    expect(chat.attributes['gen_ai.response.finish_reasons']).toEqual(['stop']);
    const request = the(spans, 'POST');
    expect(parentOf(spans, request)).toBe('chat gpt-4o-mini');
    expect(open.model.requests[0]?.headers['traceparent']).toBe(`00-${request.traceId}-${request.spanId}-01`);

    const look = { toolCall: { id: 'call_1', name: 'look', arguments: JSON.stringify({ at: 'the sky' }) } };
    open.model.answer((asked) => (resultsIn(asked) === 0 ? [look] : ['It is blue.']), { to: 'look up' });
    await using looked = await open.ask({ query: 'look up', pipeline: 'looking' });
    await looked.collect();
    const tool = the(await own.until(idOf(looked), ['attempt', 'execute_tool look']), 'execute_tool look');
    expect(tool.attributes).toMatchObject({
      'gen_ai.tool.call.arguments': '{"at":"the sky"}',
      'gen_ai.tool.call.result': 'seen the sky',
    });
  });

  it('that nobody takes harm nothing: two log lines an outage, and a clean end', async () => {
    const port = await freePort();
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: '1000',
      OTEL_BSP_SCHEDULE_DELAY: '100',
    };
    await using lonely = await SystemHarness.start({ processes: 1, env });
    const [worker] = lonely.workers;
    if (worker === undefined) throw new Error('there is no worker');
    const lines = () => worker.log.filter(({ msg }) => msg?.startsWith('traces are') && msg !== 'traces are sent');
    const ask = async () => {
      await using stream = await lonely.ask('hello');
      await stream.collect();
      expect(stream.terminal()?.event).toBe('done');
    };
    await ask();
    await worker.logged(({ msg }) => msg === 'traces are not delivered');
    await ask();
    {
      await using late = await TraceCollector.start(port);
      await ask();
      await eventually(() => late.requests.some(({ headers }) => headers['content-type'] === 'application/x-protobuf'));
      await worker.logged(({ msg }) => msg === 'traces are delivered again');
    }
    expect(lines().map(({ msg }) => msg)).toEqual(['traces are not delivered', 'traces are delivered again']);
    expect(lines()[0]).toMatchObject({ level: 'warn', reason: expect.stringMatching(/^\w+$/) });
    await ask();
    for (const service of [...lonely.apis, ...lonely.workers]) expect(await service.stop()).toMatchObject({ code: 0 });
  });
});
