import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exchange } from '@millrace/testing';
import { BODIES, GOOD_BODIES } from './bad-input/bodies.ts';
import { FRAMING } from './bad-input/framing.ts';
import { GOOD_HEADERS, HEADERS, PLACES } from './bad-input/heads.ts';
import { type Answer, get, type OddRequest, SECRET, SMUGGLED } from './bad-input/request.ts';
import { SystemHarness } from './system-harness.ts';

let system: SystemHarness;
beforeAll(async () => {
  system = await SystemHarness.start({ env: { MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: `tests:admin:${SECRET}` } });
  system.model.answer(['an ', 'answer'], { to: 'ordinary' });
});
afterAll(() => system[Symbol.asyncDispose]());

const GROUPS: [string, readonly OddRequest[]][] = [
  ['bodies', BODIES],
  ['odd but good bodies', GOOD_BODIES],
  ['headers', HEADERS],
  ['headers to be passed over', GOOD_HEADERS],
  ['ids, cursors, queries and methods', PLACES],
  ['framing', FRAMING],
];

/** Concurrent requests. */
const LANES = 4;

describe.each(GROUPS)('bad input: %s', (_, corpus) => {
  it('is answered as documented, by an API node and through nginx, and so is an ordinary job after it', async () => {
    const [direct, proxied] = await Promise.all([
      surprises(corpus, system.node(0), ({ answer }) => answer),
      surprises(corpus, system.url, ({ answer, throughNginx }) => throughNginx ?? answer),
    ]);
    expect({ direct, proxied }).toEqual({ direct: [], proxied: [] });
  });
});

describe('bad input: the services', () => {
  it('answer each of two requests that arrive at once', async () => {
    const last = get('/jobs/y').toString('latin1');
    const first = last.replace('Connection: close\r\n', '');
    for (const url of [system.node(0), system.url])
      expect(await statusesOf(url, [first, last])).toEqual(['404', '404']);
  });

  it('never give a good request the answer to the nonsense behind it', async () => {
    const good = get('/jobs/x').toString('latin1').replace('Connection: close\r\n', '');
    for (const url of [system.node(0), system.url]) {
      const [first = '404'] = await statusesOf(url, [good, 'nonsense\r\n\r\n']);
      expect(first).toBe('404');
    }
  });

  it('log no failure, and are still the same processes', () => {
    const failures = [...system.apis, ...system.workers].flatMap(({ log }) =>
      log.filter(({ level }) => level === 'error'),
    );
    expect(failures).toEqual([]);
    expect([...system.apis, ...system.workers].map(({ child }) => child.running)).toEqual([true, true, true, true]);
    expect(system.proxy.child.running).toBe(true);
  });
});

/** Every request that was answered differently, hid a second one, or left a service that no longer answers jobs. */
async function surprises(
  corpus: readonly OddRequest[],
  url: string,
  documented: (odd: OddRequest) => Answer,
): Promise<string[]> {
  const found: string[] = [];
  const waiting = corpus.values();
  const lane = async () => {
    for (const odd of waiting) {
      const answer = await answered(odd, url);
      const [works, smuggled] = await Promise.all([ordinaryAnswer(url), statusOf(url, SMUGGLED)]);
      if (answer !== String(documented(odd))) found.push(`${odd.what}: ${answer}, documented is ${documented(odd)}`);
      if (works !== 'an answer') found.push(`${odd.what}: an ordinary job is then answered with ${works}`);
      if (smuggled !== 404) found.push(`${odd.what}: the request inside it got through`);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return found;
}

/** The answer, in the terms of {@link Answer}; anything else unchanged. */
async function answered({ bytes, halfClose = false }: OddRequest, url: string): Promise<string> {
  const exchanged = await exchange(url, [bytes], { halfClose }).catch((error: Error) => error);
  if (exchanged instanceof Error) return exchanged.message;
  if (exchanged.bytes.length === 0) return 'gone';
  const text = exchanged.bytes.toString('latin1');
  const [, head = '', body = ''] = /^(.*?)\r\n\r\n(.*)$/s.exec(text) ?? [];
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
  if (status === 200 || status === 202) return 'taken';
  try {
    const problem = JSON.parse(body) as Record<string, unknown>;
    const documented = { type: expect.any(String), title: expect.any(String), detail: expect.any(String), status };
    expect(problem).toMatchObject(documented);
    expect(head).toMatch(/\r\ncontent-type: application\/problem\+json/i);
    expect(head).toMatch(new RegExp(`\r\nx-request-id: ${String(problem['requestId'])}(\r\n|$)`, 'i'));
    return `${status},${String(problem['code'])}`;
  } catch {
    return JSON.stringify(text.slice(0, 400));
  }
}

async function statusesOf(url: string, requests: readonly string[]): Promise<(string | undefined)[]> {
  const { bytes } = await exchange(url, [requests.join('')]);
  return [...bytes.toString('latin1').matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status);
}

async function ordinaryAnswer(url: string): Promise<string> {
  const response = await fetch(`${url}/jobs`, {
    method: 'POST',
    headers: { accept: 'text/plain', authorization: `Bearer ${SECRET}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: 'ordinary' }),
  });
  return response.text();
}

async function statusOf(url: string, id: string): Promise<number> {
  const response = await fetch(`${url}/jobs/${id}`, { headers: { authorization: `Bearer ${SECRET}` } });
  await response.body?.cancel();
  return response.status;
}
