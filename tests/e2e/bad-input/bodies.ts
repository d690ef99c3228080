import { gzipSync } from 'node:zlib';
import { INVALID, NOT_JSON, type OddRequest, post, raw, SECRET, TOO_LARGE } from './request.ts';

const json = (what: string, body: string | Buffer): OddRequest => ({ what, bytes: post(body), answer: INVALID });

const typed = (type: string | null): OddRequest => ({
  what: `content type ${type ?? 'none'}`,
  bytes: post(undefined, { type }),
  answer: NOT_JSON,
});

const chunked = (what: string, body: string, more: Partial<OddRequest> = {}): OddRequest => ({
  what,
  bytes: raw(
    [
      'POST /jobs HTTP/1.1',
      'Host: millrace',
      'Connection: close',
      'Accept: application/json',
      `Authorization: Bearer ${SECRET}`,
      'Content-Type: application/json',
      'Transfer-Encoding: chunked',
    ],
    body,
  ),
  answer: INVALID,
  ...more,
});

const DEPTH = 100_000;

/** Bodies that are not JSON, or not the expected JSON. */
export const BODIES: readonly OddRequest[] = [
  json('an empty body', ''),
  json('blanks', ' \r\n\t '),
  ...['{', '{"query"', '{"query":', '{"query":"x', '{"query":"x"', '{"query":"x"}}', 'nul', '{"query":"x",}'].map(
    (body) => json(`broken off or over-long: ${body}`, body),
  ),
  ...["{'query':'x'}", '{query:"x"}', '{"query":NaN}', '{"query":"x"}//', '{"query":"a\nb"}', '{"query":"\\x41"}'].map(
    (body) => json(`no JSON: ${JSON.stringify(body)}`, body),
  ),
  ...['[]', '[{"query":"x"}]', '"x"', '1', 'null', 'true', '{}'].map((body) =>
    json(`no object of ours: ${body}`, body),
  ),
  ...['1', 'null', '["x"]', '{}', '""', 'true'].map((value) => json(`query ${value}`, `{"query":${value}}`)),
  ...[
    '[]',
    '"x"',
    '[1]',
    '[[]]',
    '[{"role":"user"}]',
    '[{"role":"root","content":"x"}]',
    '[{"role":"user","content":[]}]',
  ].map((value) => json(`messages ${value}`, `{"messages":${value}}`)),
  json('both query and messages', '{"query":"x","messages":[{"role":"user","content":"x"}]}'),
  json('an unknown field', '{"query":"x","colour":"red"}'),
  json('an unknown field of a message', '{"messages":[{"role":"user","content":"x","colour":"y"}]}'),
  ...['1e999', '-1', '3', '"1"'].map((value) => json(`temperature ${value}`, `{"query":"x","temperature":${value}}`)),
  ...['1e400', '99999999999999999999', '-1', '0', '0.5', '9'.repeat(400)].map((value) =>
    json(`maxTokens ${value.slice(0, 30)}`, `{"query":"x","maxTokens":${value}}`),
  ),
  ...['0', '-1', '1.5', '"5"', '1e400'].map((value) =>
    json(`timeoutMs ${value}`, `{"query":"x","timeoutMs":${value}}`),
  ),
  ...['"x"', '[]', '{"a":1}', '{"a":null}', '{"a":{"b":"c"}}'].map((value) =>
    json(`metadata ${value}`, `{"query":"x","metadata":${value}}`),
  ),
  ...[
    '"__proto__":{"isAdmin":true}',
    '"\\u005f_proto__":{"a":1}',
    '"constructor":{"prototype":{"a":1}}',
    '"metadata":{"__proto__":"x"}',
  ].map((field) => json(`poisoned: ${field}`, `{"query":"x",${field}}`)),
  json(`${DEPTH} arrays in one another`, '['.repeat(DEPTH) + ']'.repeat(DEPTH)),
  json(`${DEPTH} objects in one another`, `${'{"a":'.repeat(DEPTH)}1${'}'.repeat(DEPTH)}`),
  json('a raw NUL', '{"query":"a\0b"}'),
  json('bytes that are no UTF-8', Buffer.from('{"query":"\xff\xfe"}', 'latin1')),
  json('UTF-8 that is cut off', Buffer.from('{"query":"\xf0\x9f\x98"}', 'latin1')),
  json('UTF-16', Buffer.from('\ufeff{"query":"x"}', 'utf16le')),
  { what: 'gzip', bytes: post(gzipSync('{"query":"x"}'), { head: ['Content-Encoding: gzip'] }), answer: INVALID },
  ...[
    'text/plain',
    'text/json',
    'application/jsonp',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    ';;;',
    'json',
    null,
  ].map(typed),
  { what: 'more than is taken', bytes: post(`{"query":"${'x'.repeat(1_048_576)}"}`), answer: TOO_LARGE },
  {
    what: 'a length of 5 GB',
    bytes: raw(
      [
        'POST /jobs HTTP/1.1',
        'Host: millrace',
        'Connection: close',
        `Authorization: Bearer ${SECRET}`,
        'Content-Type: application/json',
        'Content-Length: 5368709120',
      ],
      '{"query":"x"}',
    ),
    answer: TOO_LARGE,
  },
  chunked('chunks beyond what is taken', `${`10000\r\n${'x'.repeat(65_536)}\r\n`.repeat(17)}0\r\n\r\n`, {
    answer: TOO_LARGE,
  }),
  ...[
    'zz\r\nabc\r\n0\r\n\r\n',
    '-1\r\nabc\r\n0\r\n\r\n',
    'fffffffffffffffff\r\nabc',
    '3\r\nabcd\r\n0\r\n\r\n',
    '0x3\r\nabc\r\n0\r\n\r\n',
    '\r\n\r\n',
  ].map((body) => chunked(`chunks: ${JSON.stringify(body)}`, body)),
  chunked('chunks that break off', '5\r\n{"que', { halfClose: true, throughNginx: 'gone' }),
  {
    what: 'a body that breaks off',
    bytes: post().subarray(0, -3),
    halfClose: true,
    answer: INVALID,
    throughNginx: 'gone',
  },
];

/** Odd but valid. */
export const GOOD_BODIES: readonly OddRequest[] = [
  ['the same key twice: the last one counts', '{"query":1,"query":"x"}'],
  ['a byte order mark', '\ufeff{"query":"x"}'],
  ['a lone surrogate', '{"query":"a\\ud800b"}'],
  ['an escaped NUL', '{"query":"a\\u0000b"}'],
  ['line separators', '{"query":"a\u2028\u2029\u0085b"}'],
  ['blanks around it', '\r\n\t {"query" : "x"} \n'],
].map(([what = '', body = '']) => ({ what, bytes: post(body), answer: 'taken' }));
