import { gzipSync } from 'node:zlib';
import type { ProtocolUnderAttack } from './protocols.ts';

/** One request as it goes over the wire. */
export interface RudeRequest {
  readonly what: string;
  readonly bytes: Buffer;
  /** whether it may be taken: odd, but good */
  readonly mayPass?: boolean;
  readonly halfClose?: boolean;
  /** what nginx refuses, or Node before there is a path, is told as a problem, whatever the protocol */
  readonly isUnread?: boolean;
}

interface RequestParts {
  readonly method?: string;
  readonly path: string;
  readonly head?: readonly string[];
  /** null: no content type */
  readonly type?: string | null;
  readonly body?: string | Buffer | null;
}

export function requestBytes({
  method = 'POST',
  path,
  head = [],
  type = 'application/json',
  body = null,
}: RequestParts): Buffer {
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: millrace', 'Connection: close', ...head];
  if (body !== null)
    lines.push(...(type === null ? [] : [`Content-Type: ${type}`]), `Content-Length: ${Buffer.byteLength(body)}`);
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), Buffer.from(body ?? '')]);
}

/** values for a field, in JSON */
const WRONG = [
  'null',
  '1',
  '-1',
  '1e999',
  '""',
  '"\\ud800"',
  '[]',
  '[[]]',
  '[null]',
  '{}',
  'true',
  '{"__proto__":{"a":1}}',
  `"${'x'.repeat(70_000)}"`,
];

/** The body with one field replaced by each wrong value, at the top and one and two levels below. */
function mutants(body: Readonly<Record<string, unknown>>): [string, string][] {
  const found: [string, string][] = [];
  const visit = (value: unknown, write: (json: string) => string, path: string, depth: number): void => {
    if (depth > 0) for (const wrong of WRONG) found.push([`${path} = ${wrong.slice(0, 30)}`, write(wrong)]);
    if (depth === 4 || typeof value !== 'object' || value === null) return;
    const entries = Object.entries(value);
    for (const [key, inner] of entries) {
      const others = entries.map(([name, other]) => [name, JSON.stringify(other)] as const);
      const rewritten = (json: string) => {
        const parts = others.map(([name, other]) => [name, name === key ? json : other] as const);
        return Array.isArray(value)
          ? `[${parts.map(([, part]) => part).join(',')}]`
          : `{${parts.map(([name, part]) => `${JSON.stringify(name)}:${part}`).join(',')}}`;
      };
      visit(inner, (json) => write(rewritten(json)), `${path}/${key}`, depth + 1);
    }
  };
  visit(body, (json) => json, '', 0);
  return found;
}

const DEEP = 100_000;

/** Bodies that no client of the protocol sends. */
export function rudeBodies({ create: path, body }: ProtocolUnderAttack, question: string): RudeRequest[] {
  const good = JSON.stringify(body(question));
  const open = good.slice(0, -1);
  const post = (
    what: string,
    sent: string | Buffer,
    parts: Partial<RequestParts> = {},
    more: Partial<RudeRequest> = {},
  ) => ({
    ...{ what, bytes: requestBytes({ path, body: sent, ...parts }), ...more },
  });
  const chunked = (what: string, pieces: string, more: Partial<RudeRequest> = {}): RudeRequest => ({
    what,
    bytes: Buffer.concat([
      requestBytes({ path, head: ['Content-Type: application/json', 'Transfer-Encoding: chunked'] }),
      Buffer.from(pieces, 'latin1'),
    ]),
    ...more,
  });
  return [
    ...['', ' ', '{', 'null', '[]', '1', '"x"', '{}', '[{}]', open, `${good}}`, `${good}${good}`, "{'a':1}"].map(
      (sent) => post(`body ${JSON.stringify(sent.slice(0, 40))}`, sent),
    ),
    ...mutants(body(question)).map(([what, sent]) => post(what, sent, {}, { mayPass: true })),
    post('deep arrays', `${open},"deep":${'['.repeat(DEEP)}${']'.repeat(DEEP)}}`, {}, { mayPass: true }),
    post('deep objects', `${open},"deep":${'{"a":'.repeat(DEEP)}1${'}'.repeat(DEEP)}}`, {}, { mayPass: true }),
    post('deep metadata', `${open},"metadata":${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}}`, {}, { mayPass: true }),
    post('__proto__', `${open},"__proto__":{"messages":[]}}`, {}, { mayPass: true }),
    post('constructor', `${open},"constructor":{"prototype":{"stream":true}}}`, {}, { mayPass: true }),
    post('a field twice', `${open},${good.slice(1)}`, {}, { mayPass: true }),
    post('a byte order mark', `\ufeff${good}`, {}, { mayPass: true }),
    post('UTF-16', Buffer.from(good, 'utf16le')),
    post(
      'half a character',
      Buffer.concat([Buffer.from(`${open},"x":"`), Buffer.from([0xf0, 0x9f]), Buffer.from('"}')]),
      {},
      { mayPass: true },
    ),
    post('NUL', `${open},"x":"\0"}`),
    post('gzip, said', gzipSync(good), { head: ['Content-Encoding: gzip'] }, { mayPass: true }),
    post('gzip, not said', gzipSync(good)),
    post('said to be gzip', good, { head: ['Content-Encoding: gzip'] }, { mayPass: true }),
    post('an unknown encoding', good, { head: ['Content-Encoding: zebra'] }, { mayPass: true }),
    ...[
      'text/html',
      'application/xml',
      'multipart/form-data; boundary=x',
      'application/x-www-form-urlencoded',
      'x',
      '/',
      'application/json; charset=zebra',
      null,
    ].map((type) => post(`content type ${type}`, good, { type }, { mayPass: true })),
    post('much larger than allowed', `${open},"x":"${'x'.repeat(9_000_000)}"}`, {}, { isUnread: true }),
    post('larger than allowed', `${open},"x":"${'x'.repeat(1_500_000)}"}`),
    post('a long id', good, { head: [`X-Request-Id: ${'x'.repeat(5_000)}`] }, { mayPass: true }),
    post('an odd id', good, { head: ['X-Request-Id: ../../x', 'Idempotency-Key: \xff'] }, { mayPass: true }),
    post(
      'two ids',
      good,
      { head: ['X-Request-Id: one-of-the-two-ids', 'X-Request-Id: two-of-the-two-ids'] },
      { mayPass: true },
    ),
    post('an odd wish', good, { head: ['X-Millrace-On-Disconnect: perhaps', 'Prefer: wait=-1'] }, { mayPass: true }),
    chunked('chunks that end early', `5\r\n${good.slice(0, 5)}\r\n`, { halfClose: true }),
    chunked('a chunk that is cut', `fff\r\n${good.slice(0, 5)}`, { halfClose: true }),
    chunked('no chunk', '0\r\n\r\n'),
    chunked('a chunk of a wrong size', `2\r\n${good}\r\n0\r\n\r\n`, { isUnread: true }),
    ...['HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'BREW'].map((method) => ({
      ...{
        what: method,
        bytes: requestBytes({ method, path, body: method === 'HEAD' ? null : good }),
        mayPass: method === 'OPTIONS',
      },
    })),
    ...[
      '?a=1&a=2',
      '?%',
      '?%00',
      '?stream=x&stream=y',
      '?tenant=other',
      '?tenant=a&tenant=b',
      `?${'a=1&'.repeat(1_000)}`,
    ].map((query) => post(`query ${query.slice(0, 30)}`, good, { path: `${path}${query}` }, { mayPass: true })),
  ];
}

/** Ids, cursors and methods that no client of the protocol sends. */
export function rudeReads({ reads, acts, cursors }: ProtocolUnderAttack, job: string, otherJob: string): RudeRequest[] {
  const ids = [
    'x',
    '%00',
    '%',
    '%zz',
    '%2e%2e',
    '..%2f..',
    '%F0%9F',
    '%ff',
    'a%0d%0ab',
    'x'.repeat(5_000),
    '%C3%BC'.repeat(20),
    '__proto__',
    'constructor',
    'chatcmpl-',
    'resp_',
    `resp_resp_${job}`,
    `chatcmpl-chatcmpl-${job}`,
    `${job}%20`,
    `${job}.`,
    '*',
  ];
  const values = [
    '-1',
    '-99999999999',
    '0',
    '1',
    '999999999999999',
    '1e3',
    'NaN',
    '1-1',
    '0-0',
    '9-9',
    '999999999999999-999999999999999',
    '1-1-1',
    '%00',
    '%',
    '',
    'now',
    `${otherJob}/1-1`,
    'x'.repeat(4_000),
    '0000000009_000000000000009',
    '9999999999_999999999999999',
  ];
  return [
    ...ids.flatMap((id) => [
      ...reads(id).map((path) => ({
        what: `GET ${path.slice(0, 60)}`,
        bytes: requestBytes({ method: 'GET', path }),
        mayPass: true,
      })),
      ...acts(id).map((path) => ({ what: `POST ${path.slice(0, 60)}`, bytes: requestBytes({ path }), mayPass: true })),
    ]),
    ...reads(job).flatMap((path) => [
      ...['HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE', 'POST', 'TRACE'].map((method) => ({
        ...{
          what: `${method} ${path}`,
          bytes: requestBytes({ method, path: path.replace(job, 'another-job-than-that') }),
          mayPass: true,
        },
      })),
      ...cursors.flatMap(([place, name]) =>
        values.map((value) => {
          const query = `${path.includes('?') ? '&' : '?'}${name}=${value}`;
          const parts = place === 'query' ? { path: `${path}${query}` } : { path, head: [`${name}: ${value}`] };
          return {
            what: `${path} ${name} ${value.slice(0, 40)}`,
            bytes: requestBytes({ method: 'GET', ...parts }),
            mayPass: true,
          };
        }),
      ),
      ...cursors.map(([, name]) => ({
        what: `${path} ${name} twice`,
        bytes: requestBytes({ method: 'GET', path: `${path}${path.includes('?') ? '&' : '?'}${name}=1&${name}=2` }),
        mayPass: true,
      })),
    ]),
  ];
}
