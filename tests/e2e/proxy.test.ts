import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, exchange, rawRequest, readSse, type SseReader } from '@millrace/testing';
import { idOf, SystemHarness } from './system-harness.ts';

const TOKENS = Array.from({ length: 20 }, (_, i) => `t${i} `);
const PACE_MS = 60;

let system: SystemHarness;
beforeAll(async () => {
  system = await SystemHarness.start();
});
afterAll(() => system[Symbol.asyncDispose]());

/** When each token arrived, and when the model sent it, both relative to the first token, milliseconds. */
async function pace(query: string, at: string): Promise<{ arrivals: number[]; stream: SseReader }> {
  system.model.answer(TOKENS, { to: query, stepMs: PACE_MS });
  const stream = await system.ask(query, { at });
  await stream.collect();
  const tokens = stream.events.filter(({ event }) => event === 'message');
  const first = tokens[0]?.at ?? 0;
  return { arrivals: tokens.map(({ at }) => at - first), stream };
}

/** The arrivals' time span as a share of the model's: 1 as sent, 0 all at once. */
function spread(arrivals: readonly number[]): number {
  return (arrivals.at(-1) ?? 0) / (PACE_MS * (TOKENS.length - 1));
}

/** The headers that a load balancer of a private network sends for a client of this address. */
const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });

describe('through nginx', () => {
  it('each token arrives when the model sends it: the gaps follow its pace', async () => {
    const { arrivals, stream } = await pace('unbuffered', system.url);
    expect(stream.text()).toBe(TOKENS.join(''));
    // a busy machine may read two tokens at once, so that they share an event
    expect(arrivals.length).toBeGreaterThan(TOKENS.length / 2);
    expect(spread(arrivals)).toBeGreaterThan(0.6);
  });

  it('the same check fails with buffering on', async () => {
    const { url } = await system.proxyWith({ bufferStreams: true });
    const { arrivals, stream } = await pace('buffered', url);
    expect(stream.text()).toBe(TOKENS.join(''));
    expect(spread(arrivals)).toBeLessThan(0.6);
  });

  it('request ids pass through, errors keep their form, and the page and the documents are served', async () => {
    const id = 'a-request-id-of-the-client';
    const bad = await fetch(`${system.url}/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': id },
      body: JSON.stringify({ query: 'x', colour: 'red' }),
    });
    expect(bad.status).toBe(400);
    expect(bad.headers.get('content-type')).toMatch('application/problem+json');
    expect(bad.headers.get('x-request-id')).toBe(id);
    expect(await bad.json()).toMatchObject({ code: 'INVALID_REQUEST', requestId: id, errors: [expect.anything()] });

    const large = await fetch(`${system.url}/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: 'x'.repeat(1_100_000) }),
    });
    expect([large.status, await large.json()]).toMatchObject([413, { code: 'PAYLOAD_TOO_LARGE' }]);

    for (const path of ['/healthz', '/readyz', '/openapi.json', '/docs']) {
      expect([path, (await fetch(`${system.url}${path}`)).status]).toEqual([path, 200]);
    }
  });

  it('HEAD, other methods and foreign hosts are answered as by a node', async () => {
    await using system = await SystemHarness.start();
    system.model.answer(['an ', 'answer'], { to: 'ordinary' });
    const stream = await system.ask('ordinary');
    await stream.collect();
    const url = `${system.url}/jobs/${idOf(stream)}/stream`;
    const head = await rawRequest(url, { method: 'HEAD' });
    expect([head.status, head.headers['content-type'], head.end]).toEqual([200, 'text/event-stream', 'clean']);
    const other = await rawRequest(url, { method: 'PATCH', body: '{}' });
    expect([other.status, other.headers.allow]).toEqual([405, 'GET, HEAD']);
    expect(JSON.parse(other.bytes.toString())).toMatchObject({ code: 'METHOD_NOT_ALLOWED' });
    const foreign = await rawRequest(url, { headers: { host: 'evil.example' } });
    expect([foreign.status, JSON.parse(foreign.bytes.toString())]).toMatchObject([421, { code: 'HOST_NOT_ALLOWED' }]);
  });
});

/** Checks that nginx refuses in the API's own form. */
async function expectRefusal(answer: Response, status: number, code: string): Promise<void> {
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toMatch('application/problem+json');
  const requestId = answer.headers.get('x-request-id');
  expect(await answer.json()).toMatchObject({ status, code, requestId, detail: expect.any(String) });
}

describe('the metrics', () => {
  it.each([
    ...[
      '/metrics',
      '/metrics?a=b',
      '//metrics',
      '/%6detrics',
      '/jobs/../metrics',
      '/metrics/',
      '/metrics;a',
      '/METRICS',
    ],
    ...['/jobs/..%2fmetrics', '/./metrics', '/metrics%20', '/metrics#a', 'http://localhost/metrics', '/metrics%00'],
  ])('are nobody’s business, however they are asked for: %s', async (target) => {
    const request = `GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
    const answer = (await exchange((await shipped()).url, [request])).bytes.toString();
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(answer).not.toContain('millrace_');
  });

  it('are refused in the API’s form', async () => {
    await expectRefusal(await fetch(`${(await shipped()).url}/metrics`), 403, 'FORBIDDEN');
  });

  it('are shown to clients that the operator allows', async () => {
    const MILLRACE_METRICS_ACCESS = 'allow 192.0.2.0/24; deny all;';
    const { url } = await system.proxyWith({ limits: { MILLRACE_METRICS_ACCESS } });
    await expectRefusal(await fetch(`${url}/metrics`, from('198.51.100.1')), 403, 'FORBIDDEN');
    const shown = await fetch(`${url}/metrics`, from('192.0.2.7'));
    expect([shown.status, await shown.text()]).toEqual([200, expect.stringContaining('millrace_open_streams')]);
  });
});

describe('one address', () => {
  it('has as many streams as its limit allows, another once one ends, and does not limit others', async () => {
    const { url } = await system.proxyWith({ limits: { MILLRACE_CONNECTIONS_PER_ADDRESS: '2' } });
    const gate = system.model.gated({ to: 'full' });
    const job = { body: { query: 'full' } };
    await using first = await readSse(`${url}/jobs`, { ...job, ...from('203.0.113.1') });
    await gate.request;
    const watched = `${url}/jobs/${first.response.headers.get('x-request-id')}/stream`;
    const second = await readSse(watched, from('203.0.113.1'));
    const refused = await fetch(watched, from('203.0.113.1'));
    expect(refused.headers.get('retry-after')).toBe('1');
    await expectRefusal(refused, 429, 'RATE_LIMITED');
    expect((await fetch(`${url}/healthz`, from('203.0.113.2'))).status).toBe(200);

    await second[Symbol.asyncDispose]();
    await eventually(async () => (await fetch(`${url}/healthz`, from('203.0.113.1'))).status === 200);
    await gate.finish();
    await first.collect();
  });

  it('sends as many requests as its limit allows, again a second later, and does not limit others', async () => {
    const limits = { MILLRACE_REQUESTS_PER_SECOND: '1', MILLRACE_REQUEST_BURST: '3' };
    const { url } = await system.proxyWith({ limits });
    const answers = await asked(20, url, '203.0.113.1');
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(answers.length - refused.length).toBeGreaterThanOrEqual(4);
    for (const answer of refused) await expectRefusal(answer, 429, 'RATE_LIMITED');
    expect((await fetch(`${url}/healthz`, from('203.0.113.2'))).status).toBe(200);
    await eventually(async () => (await fetch(`${url}/healthz`, from('203.0.113.1'))).status === 200);
  });

  it.each([
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff::2', '2001:db8:1:3::1'],
    ['2001:db8::1', '2001:db8::2:3:4:5', '2001:db8:1::1'],
  ])('of IPv6 is a whole network of it: %s and %s, but not %s', async (one, same, other) => {
    const { url } = await system.proxyWith({ limits: { MILLRACE_CONNECTIONS_PER_ADDRESS: '1' } });
    const gate = system.model.gated({ to: 'held' });
    await using stream = await readSse(`${url}/jobs`, { body: { query: 'held' }, ...from(one) });
    expect((await fetch(`${url}/healthz`, from(same))).status).toBe(429);
    expect((await fetch(`${url}/healthz`, from(other))).status).toBe(200);
    await gate.finish();
    await stream.collect();
  });

  it('that is a whole office stays within the default limits', async () => {
    const answers = await asked(1_000, (await shipped()).url, '203.0.113.1');
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  });

  /** This many requests of one address, all at once. */
  const asked = async (times: number, url: string, address: string) =>
    Promise.all(Array.from({ length: times }, () => fetch(`${url}/healthz`, from(address))));
});

/** nginx with the default limits. */
let shippedProxy: Promise<{ url: string }> | undefined;
function shipped(): Promise<{ url: string }> {
  shippedProxy ??= system.proxyWith({});
  return shippedProxy;
}
