import {
  BAD_CURSOR,
  get,
  HEAD_TOO_LARGE,
  INVALID,
  NO_JOB,
  NOWHERE,
  type OddRequest,
  OTHER_METHOD,
  post,
  SECRET,
  STRANGER,
} from './request.ts';

const header = (line: string, more: Partial<OddRequest> = {}): OddRequest => ({
  what: line.slice(0, 60),
  bytes: post(undefined, { head: [line] }),
  answer: INVALID,
  ...more,
});

const path = (text: string, more: Partial<OddRequest> = {}): OddRequest => ({
  what: text.slice(0, 60),
  bytes: get(text),
  answer: NO_JOB,
  ...more,
});

const authorization = (value: string | null): OddRequest => ({
  what: `Authorization: ${value}`,
  bytes: post(undefined, { authorization: value }),
  answer: STRANGER,
});

const cursor = (value: string): OddRequest => ({
  what: `Last-Event-ID: ${JSON.stringify(value)}`,
  bytes: get('/jobs/a-job-that-nobody-has/stream', [`Last-Event-ID: ${value}`]),
  answer: BAD_CURSOR,
});

const ID = 'a-job-that-nobody-has';

/** Header fields with impossible values. */
export const HEADERS: readonly OddRequest[] = [
  ...[
    'x',
    'short-but-no-id',
    'x'.repeat(65),
    '1234567890123456',
    'a request id of mine',
    'a-request-id-with-\xe9',
    '',
  ].map((id) => header(`X-Request-Id: ${id}`)),
  header('X-Request-Id: a-request-id-0001\r\nX-Request-Id: a-request-id-0002'),
  ...['', 'x'.repeat(256), 'caf\xe9', 'a\tb'].map((key) => header(`Idempotency-Key: ${key}`)),
  ...['image/png', 'garbage', ';;;q=', 'text/event-stream;q=0', 'text/event-stream;q=9', 'a/b,'.repeat(500)].map(
    (types) => header(`Accept: ${types}`),
  ),
  ...[
    null,
    'Bearer',
    'Bearer ',
    'Bearer wrong',
    `Bearer ${SECRET} ${SECRET}`,
    `Basic ${btoa(`x:${SECRET}`)}`,
    SECRET,
    'Bearer \xe9',
  ].map(authorization),
  header(`X-Bomb: ${'x'.repeat(100_000)}`, { answer: HEAD_TOO_LARGE }),
  header(Array.from({ length: 5_000 }, (_, index) => `X-${index}: ${index}`).join('\r\n'), { answer: HEAD_TOO_LARGE }),
  {
    what: 'an endless path',
    bytes: get(`/${'x'.repeat(100_000)}`),
    answer: HEAD_TOO_LARGE,
    throughNginx: [414, 'INVALID_REQUEST'],
  },
];

/** Odd but to be ignored. */
export const GOOD_HEADERS: readonly OddRequest[] = [
  ...['garbage', 'wait=-1', 'wait=1e9', 'wait=', 'wait', ',,,;=', 'respond-async, wait=x'].map((value) =>
    header(`Prefer: ${value}`, { answer: 'taken' }),
  ),
  header('Accept: application/json, garbage, ;q=1, */*;q=x', { answer: 'taken' }),
  header('Expect: something', { answer: 'taken' }),
  { what: 'an unknown parameter', bytes: get('/jobs?status[]=queued&__proto__=x'), answer: 'taken' },
  header('Upgrade: websocket', { answer: 'taken' }),
  header(`Cookie: ${'a=b; '.repeat(1_000)}`, { answer: 'taken' }),
];

/** Paths, ids, queries and methods that lead nowhere. */
export const PLACES: readonly OddRequest[] = [
  ...[
    'x',
    '1234567890123456',
    'x'.repeat(65),
    'x'.repeat(5_000),
    '%E2%98%83',
    '%0d%0aSet-Cookie:a=b',
    '{}',
    '%7B%7D',
    "'%20or%201=1",
    '*',
    'a%2525b',
  ].map((id) => path(`/jobs/${id}`)),
  // nginx resolves a path before it passes it on, and refuses one above the root
  path('/jobs/..%2f..%2fetc%2fpasswd', { throughNginx: INVALID }),
  path('/jobs/../../../etc/passwd', { answer: NOWHERE, throughNginx: INVALID }),
  ...['POST', 'PUT', 'DELETE', 'OPTIONS'].map((method) => ({
    what: `${method} /nowhere`,
    bytes: get('/nowhere', [], method),
    answer: NOWHERE,
  })),
  path('/jobs/%00', { throughNginx: INVALID }),
  ...['%zz', '%', '%E0%A4%A', '%ff%fe'].map((id) => path(`/jobs/${id}`, { answer: INVALID })),
  ...['/jobs/', '/jobs/x/y/z', '/nowhere', '/JOBS', '//jobs', '/.git/config'].map((text) =>
    path(text, { answer: NOWHERE }),
  ),
  ...['limit=0', 'limit=101', 'limit=-1', 'limit=x', 'limit=1&limit=2', 'status=x', `cursor=${'x'.repeat(65)}`].map(
    (query) => path(`/jobs?${query}`, { answer: INVALID }),
  ),
  ...['x', '%00', 'MS0x', '../../x', ''].map((value) => path(`/jobs?cursor=${value}`, { answer: BAD_CURSOR })),
  ...['', '?status=', '?status=completed', '?status=queued&status=active'].map((query) => ({
    what: `DELETE /jobs${query}`,
    bytes: get(`/jobs${query}`, [], 'DELETE'),
    answer: INVALID,
  })),
  ...[
    '1',
    '1-',
    '-1-1',
    '1-1-1',
    'x',
    '01-1',
    '1-1e3',
    '0x1-1',
    '1.0-1',
    '9'.repeat(400),
    '\xff',
    '1-9999999999999999',
    '+1-1',
  ].map(cursor),
  ...['x', '1-%00', '1-1%0a', '%F0%9F%98%80'].map((value) =>
    path(`/jobs/${ID}/stream?lastEventId=${value}`, { answer: BAD_CURSOR }),
  ),
  path(`/jobs/${ID}/stream?lastEventId=1-1&lastEventId=1-2`, { answer: BAD_CURSOR }),
  ...['PUT', 'PATCH', 'POST'].map((method) => ({
    what: `${method} /jobs/:id`,
    bytes: get(`/jobs/${ID}`, [], method),
    answer: OTHER_METHOD,
  })),
];
