import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exchange, rawRequest } from '@millrace/testing';
import { ApiHarness, type Env, submit, type TestNode } from '../testing/api-harness.ts';

let harness: ApiHarness;
let node: TestNode;

beforeAll(async () => {
  harness = await ApiHarness.start({
    MILLRACE_ALLOWED_HOSTS: 'chat.example, 192.0.2.7',
    MILLRACE_CORS_ORIGINS: 'https://page.example',
  });
  node = await harness.node();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

async function ask(path: string, headers: Env, { method = 'GET', at = node.url } = {}): Promise<string> {
  const withBody = method === 'POST' || method === 'PUT' || method === 'PATCH';
  const { status, bytes } = await rawRequest(`${at}${path}`, {
    method,
    headers: { accept: 'application/json', 'content-type': 'application/json', ...headers },
    ...(withBody ? { body: '{"query":"x"}' } : {}),
  });
  return status < 400 ? String(status) : `${status} ${(JSON.parse(bytes.toString()) as { code: string }).code}`;
}

const FOREIGN = [
  'evil.example',
  'localhost.evil.example',
  'evil-localhost',
  '127.0.0.1.evil.example',
  '10.1.2.3',
  '0.0.0.0',
  '[::2]',
];

describe('without keys, an unknown Host', () => {
  it.each(FOREIGN)('gets nothing: %s', async (host) => {
    for (const [method, path] of [
      ['GET', '/'],
      ['GET', '/jobs'],
      ['GET', '/jobs/a-job-that-nobody-has'],
      ['GET', '/jobs/a-job-that-nobody-has/stream'],
      ['GET', '/metrics'],
      ['GET', '/openapi.json'],
      ['GET', '/docs'],
      ['GET', '/nowhere'],
      ['PUT', '/jobs'],
      ['POST', '/jobs'],
      ['POST', '/api/langchain'],
      ['DELETE', '/jobs?status=queued'],
      ['DELETE', '/jobs/a-job-that-nobody-has'],
    ] as const) {
      for (const port of ['', `:${new URL(node.url).port}`])
        expect([method, path, await ask(path, { host: `${host}${port}` }, { method })]).toEqual([
          method,
          path,
          '421 HOST_NOT_ALLOWED',
        ]);
    }
  });

  it('may reach the probes, which do not know the name of the service', async () => {
    for (const path of ['/healthz', '/readyz']) expect(await ask(path, { host: 'evil.example' })).toBe('200');
  });

  it('is what an absolute request target names, whatever Host says', async () => {
    const head = ['GET http://evil.example/jobs HTTP/1.1', 'Host: localhost', 'Connection: close'];
    const { bytes } = await exchange(node.url, [`${head.join('\r\n')}\r\n\r\n`]);
    expect(bytes.toString()).toMatch(/^HTTP\/1\.1 421 /);
  });
});

describe('without keys, a known Host', () => {
  it.each([
    'localhost',
    'LOCALHOST:8080',
    'localhost.',
    'app.localhost:3000',
    '127.0.0.1',
    '127.9.9.9:1',
    '[::1]:8080',
    '[0:0:0:0:0:0:0:1]',
    'chat.example',
    'CHAT.example:8443',
    '192.0.2.7:80',
  ])('is answered: %s', async (host) => {
    expect(await ask('/jobs', { host })).toBe('200');
    expect(await ask('/jobs', { host }, { method: 'POST' })).toBe('202');
  });

  it('is the name that the service listens on', async () => {
    const named = await harness.node({ HOST: 'localhost', MILLRACE_ALLOWED_HOSTS: '' });
    expect(await ask('/jobs', { host: 'chat.example' }, { at: named.url })).toBe('421 HOST_NOT_ALLOWED');
    const { hostname } = new URL(named.url);
    expect(hostname).not.toBe('');
    expect(await ask('/jobs', { host: 'localhost' }, { at: named.url })).toBe('200');
  });

  const [address] = Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .filter(({ internal, family }) => !internal && family === 'IPv4')
    .map(({ address }) => address);
  (address === undefined ? it.skip : it)('is the address that the request came to', async () => {
    const open = await harness.node({ HOST: '0.0.0.0', MILLRACE_AUTH: 'none', MILLRACE_ALLOWED_HOSTS: '' });
    const { port } = new URL(open.url);
    expect(await ask('/jobs', {}, { at: `http://${address}:${port}` })).toBe('200');
    for (const host of ['0.0.0.0', 'chat.example', '10.1.2.3'])
      expect(await ask('/jobs', { host }, { at: `http://${address}:${port}` })).toBe('421 HOST_NOT_ALLOWED');
  });
});

describe('without keys, no Host at all', () => {
  it('is allowed in HTTP/1.0, which no browser speaks', async () => {
    const post = [
      'POST /jobs HTTP/1.0',
      'Content-Type: application/json',
      'Content-Length: 13',
      'Accept: application/json',
    ];
    const statusOf = async (head: string[]) =>
      (await exchange(node.url, [`${head.join('\r\n')}\r\n\r\n{"query":"x"}`])).bytes.toString().slice(9, 12);
    expect(await statusOf(post)).toBe('202');
    expect(await statusOf([...post, 'Origin: http://localhost'])).toBe('403');
  });
});

describe('without keys, a page of another origin', () => {
  const CHANGES = ['POST /jobs', 'POST /api/langchain', 'DELETE /jobs?status=queued', 'DELETE /jobs/x'].map(
    (text) => text.split(' ') as [string, string],
  );

  it.each<[string, Env]>([
    ['of another site', { origin: 'https://evil.example' }],
    ['on another port', { host: 'localhost:8080', origin: 'http://localhost:3000' }],
    ['on the default port', { host: 'localhost:8080', origin: 'http://localhost' }],
    ['with the name in front', { host: 'localhost', origin: 'http://localhost.evil.example' }],
    ['in a sandbox', { origin: 'null' }],
    ['with another scheme than is allowed', { origin: 'http://page.example' }],
    ['that is none', { origin: 'evil' }],
    ['that is a file', { origin: 'file://' }],
    ['of an extension', { origin: 'chrome-extension://abc' }],
    ['that the browser only hints at', { 'sec-fetch-site': 'cross-site' }],
    ['of a neighbour that the browser only hints at', { 'sec-fetch-site': 'same-site' }],
  ])('changes nothing: %s', async (_, headers) => {
    for (const [method, path] of CHANGES)
      expect([method, path, await ask(path, headers, { method })]).toEqual([method, path, '403 FORBIDDEN']);
  });

  it('may read, though its browser does not show it the answer', async () => {
    expect(await ask('/jobs', { origin: 'https://evil.example' })).toBe('200');
  });

  it.each<[string, Env]>([
    ['the page of the service itself', { host: 'localhost:8080', origin: 'http://localhost:8080' }],
    ['the same behind TLS', { host: 'chat.example', origin: 'https://chat.example' }],
    ['the same with its default port', { host: 'chat.example:443', origin: 'https://chat.example' }],
    ['the same by another spelling', { host: 'LOCALHOST:80', origin: 'http://localhost' }],
    ['an origin of MILLRACE_CORS_ORIGINS', { origin: 'https://page.example' }],
    [
      'that, where the browser says that it is another site',
      { origin: 'https://page.example', 'sec-fetch-site': 'cross-site' },
    ],
    ['no page at all', {}],
    ['the address bar', { 'sec-fetch-site': 'none' }],
    ['the page of the service, as the browser says', { 'sec-fetch-site': 'same-origin' }],
  ])('is another matter: %s', async (_, headers) => {
    expect(await ask('/jobs', headers, { method: 'POST' })).toBe('202');
  });
});

describe('with keys', () => {
  it('neither Host nor Origin is checked', async () => {
    const secret = 'the-secret-of-alice';
    const keyed = await harness.node({ MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: `alice:user:${secret}` });
    const headers = { host: 'evil.example', origin: 'https://evil.example', 'x-api-key': secret };
    expect(await ask('/jobs', headers, { at: keyed.url })).toBe('200');
    expect(await submit(keyed, { origin: 'https://evil.example', 'x-api-key': secret })).not.toBe('');
  });
});
