import {
  type Answer,
  HIDDEN,
  INVALID,
  NO_JOB,
  NOWHERE,
  type OddRequest,
  OTHER_METHOD,
  raw,
  SECRET,
} from './request.ts';

const HEAD = [
  'Host: millrace',
  `Authorization: Bearer ${SECRET}`,
  'Accept: application/json',
  'Content-Type: application/json',
];
const NOT_DONE: Answer = [501, 'INVALID_REQUEST'];
const NOT_SPOKEN: Answer = [505, 'INVALID_REQUEST'];
const NOT_ALLOWED: Answer = [405, 'INVALID_REQUEST'];

const BODY = '{"query":"odd"}';
const END = '0\r\n\r\n';

/** A POST with an odd declaration of its length, and another request behind or inside its body. */
const framed = (what: string, fields: readonly string[], body: string, more: Partial<OddRequest> = {}): OddRequest => ({
  what,
  bytes: raw(['POST /jobs HTTP/1.1', ...HEAD, ...fields], body),
  answer: INVALID,
  ...more,
});

const obfuscated = (field: string, more: Partial<OddRequest> = {}): OddRequest =>
  framed(`TE.TE: ${JSON.stringify(field)}`, [field, 'Content-Length: 5'], `${END}${HIDDEN}`, more);

const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

const line = (text: string, more: Partial<OddRequest> = {}): OddRequest => ({
  what: JSON.stringify(text),
  bytes: raw([text, ...HEAD, 'Connection: close']),
  answer: INVALID,
  ...more,
});

/** Requests whose end two parsers may see in different places, and input that is not a request. */
export const FRAMING: readonly OddRequest[] = [
  framed('CL.TE', ['Content-Length: 5', 'Transfer-Encoding: chunked'], `${END}${HIDDEN}`),
  framed('TE.CL', ['Transfer-Encoding: chunked', `Content-Length: ${BODY.length}`], `${chunk(BODY)}${END}${HIDDEN}`),
  framed(
    'CL.TE, the hidden one inside',
    [`Content-Length: ${HIDDEN.length + 5}`, 'Transfer-Encoding: chunked'],
    `${END}${HIDDEN}`,
  ),
  ...[
    'Transfer-Encoding: xchunked',
    'Transfer-Encoding: chunked, identity',
    'Transfer-Encoding: identity, chunked, identity',
    'Transfer-Encoding: "chunked"',
    'Transfer-Encoding:\x0bchunked',
  ].map((field) => obfuscated(field, { throughNginx: NOT_DONE })),
  ...[
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: x',
    'Transfer-Encoding: x\r\nTransfer-Encoding: chunked',
    'Transfer-Encoding : chunked',
    'Transfer-Encoding\r\n : chunked',
    'X: x\r\n Transfer-Encoding: chunked',
    'Transfer-Encoding: chun\0ked',
    'X: x\nTransfer-Encoding: chunked',
    'X: x\rTransfer-Encoding: chunked',
  ].map((field) => obfuscated(field)),
  framed('two lengths that differ', ['Content-Length: 15', 'Content-Length: 0'], `${BODY}${HIDDEN}`),
  framed('two lengths that agree', ['Content-Length: 15', 'Content-Length: 15'], BODY),
  ...['+15', '-15', '15,15', '0x0f', '1 5', '15;', '', '99999999999999999999999', '1e1'].map((length) =>
    framed(`Content-Length: ${length}`, [`Content-Length: ${length}`], `${BODY}${HIDDEN}`),
  ),
  framed('a NUL in a field', ['X-Odd: a\0b', 'Content-Length: 15'], BODY),
  framed('a field without a colon', ['no colon', 'Content-Length: 15'], BODY),
  framed('a field without a name', [': odd', 'Content-Length: 15'], BODY),
  framed('a blank in a name', ['X Odd: x', 'Content-Length: 15'], BODY),
  framed('a folded field', ['X-Odd: a', ' b', 'Content-Length: 15'], BODY),
  { what: 'no Host', bytes: raw(['GET /jobs HTTP/1.1', 'Connection: close']), answer: INVALID },
  ...['Host: elsewhere', 'hOST: millrace'].map((field) =>
    framed(`two hosts: ${field}`, [field, 'Content-Length: 15'], BODY),
  ),
  ...['Host:', 'Host: mill race', 'Host: user@millrace', 'Host: millrace/x'].map((host) => ({
    what: host,
    bytes: raw(['GET /jobs HTTP/1.1', host, 'Connection: close']),
    answer: INVALID,
  })),
  {
    what: 'bare line feeds',
    bytes: raw(['GET /jobs/x HTTP/1.1', ...HEAD, 'Connection: close'], '', '\n'),
    answer: INVALID,
    // nginx may accept them (RFC 9112 §2.2), and passes them to the API in the proper form
    throughNginx: NO_JOB,
  },
  { what: 'bare carriage returns', bytes: raw(['GET /jobs/x HTTP/1.1', ...HEAD], '', '\r'), answer: INVALID },
  ...[
    'GET / HTTP/1.1 x',
    'GET',
    'G\0T / HTTP/1.1',
    '\x16\x03\x01',
    'GET x HTTP/1.1',
    ' GET / HTTP/1.1',
    'FOO / HTTP/1.1',
    'get / HTTP/1.1',
  ].map((text) => line(text)),
  line('GET / HTTP/9.9', { throughNginx: NOT_SPOKEN }),
  line('GET / HTTP/3', { throughNginx: NOT_SPOKEN }),
  line('GET / HTTP/1.2', { throughNginx: NOWHERE }),
  line('GET http://elsewhere.example/jobs/x HTTP/1.1', { answer: NO_JOB }),
  {
    what: 'the HTTP/2 preface',
    bytes: Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1'),
    answer: INVALID,
  },
  {
    what: 'noise',
    bytes: Buffer.from(Array.from({ length: 4_096 }, (_, index) => (index * 7919) % 251)),
    answer: INVALID,
  },
  line('OPTIONS /jobs HTTP/1.1', { answer: OTHER_METHOD }),
  line('TRACE /jobs HTTP/1.1', { answer: OTHER_METHOD, throughNginx: NOT_ALLOWED }),
  line('CONNECT /jobs HTTP/1.1', { answer: 'gone', throughNginx: NOT_ALLOWED }),
];
