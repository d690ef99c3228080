import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exchange } from '@millrace/testing';
import { ApiHarness, type TestNode } from '../testing/api-harness.ts';

const SECRET = 'a-secret-of-the-tests';

let harness: ApiHarness;
let node: TestNode;

beforeAll(async () => {
  harness = await ApiHarness.start({ MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: `tests:user:${SECRET}` });
  node = await harness.node();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

/** What comes back for a head as it is: status and code. The connection stays open for a body that never comes. */
async function refusal(lines: readonly string[]): Promise<string> {
  const { bytes } = await exchange(node.url, [`${lines.join('\r\n')}\r\n\r\n`]);
  const [, status, body = ''] = /^HTTP\/1\.1 (\d{3}) .*?\r\n\r\n(.*)$/s.exec(bytes.toString()) ?? [];
  return `${status} ${(JSON.parse(body) as { code: string }).code}`;
}

const KEY = `Authorization: Bearer ${SECRET}`;
const CLOSE = 'Connection: close';

describe('a body without a key', () => {
  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY'])(
    'is not waited for: %s',
    async (method) => {
      for (const path of ['/jobs', '/jobs/a-job-that-nobody-has', '/healthz', '/nowhere']) {
        const head = [`${method} ${path} HTTP/1.1`, 'Host: millrace', CLOSE, 'Content-Type: application/json'];
        const { bytes, tookMs } = await exchange(node.url, [[...head, 'Content-Length: 100', '', ''].join('\r\n')]);
        expect(bytes.toString()).toMatch(/^HTTP\/1\.1 (200|401|404|405) /);
        expect(tookMs).toBeLessThan(10_000);
      }
    },
  );
});

describe('an ambiguous head', () => {
  it.each([
    ['two hosts', ['GET /jobs HTTP/1.1', 'Host: millrace', 'Host: elsewhere']],
    ['the same host twice', ['GET /jobs HTTP/1.1', 'Host: millrace', 'hOST: millrace']],
    ['an empty host', ['GET /jobs HTTP/1.1', 'Host: ']],
    ['a list of hosts', ['GET /jobs HTTP/1.1', 'Host: millrace, elsewhere']],
    ['a host with a path', ['GET /jobs HTTP/1.1', 'Host: millrace/jobs']],
    ['a host with a user', ['GET /jobs HTTP/1.1', 'Host: user@millrace']],
    ['a host with blanks', ['GET /jobs HTTP/1.1', 'Host: mill race']],
    ['a port alone', ['GET /jobs HTTP/1.1', 'Host: :8080']],
    ['an impossible port', ['GET /jobs HTTP/1.1', 'Host: millrace:65536']],
    ['half an address', ['GET /jobs HTTP/1.1', 'Host: [::1']],
    ['two keys', ['GET /jobs HTTP/1.1', 'Host: millrace', 'Authorization: Bearer x']],
    ['two types', ['GET /jobs HTTP/1.1', 'Host: millrace', 'Content-Type: a/b', 'Content-Type: application/json']],
    ['HTTP/0.9', ['GET /jobs']],
    ['HTTP/0.9, said', ['GET /jobs HTTP/0.9', 'Host: millrace']],
    ['HTTP/2', ['GET /jobs HTTP/2.0', 'Host: millrace']],
  ])('is refused: %s', async (_, lines) => {
    const head = lines.length === 1 ? lines : [...lines, KEY, CLOSE];
    expect(await refusal(head)).toBe('400 INVALID_REQUEST');
  });

  it.each([
    ['a name', 'Host: millrace'],
    ['a name of a container', 'Host: my_api:8080'],
    ['an address', 'Host: 10.0.0.1:80'],
    ['an address of version 6', 'Host: [2001:db8::1]:8080'],
    ['blanks around it', 'Host:  millrace  '],
  ])('is another matter: %s', async (_, host) => {
    const { bytes } = await exchange(node.url, [['GET /jobs HTTP/1.1', host, KEY, CLOSE, '', ''].join('\r\n')]);
    expect(bytes.toString()).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('may lack a host in HTTP/1.0', async () => {
    const { bytes } = await exchange(node.url, [['GET /jobs HTTP/1.0', KEY, '', ''].join('\r\n')]);
    expect(bytes.toString()).toMatch(/^HTTP\/1\.1 200 /);
  });
});
