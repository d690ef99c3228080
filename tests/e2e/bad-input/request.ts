import { canary } from '@millrace/testing';
/** The documented refusal: status and code. `gone`: the connection is closed without an answer. */
export type Answer = readonly [status: number, code: string] | 'taken' | 'gone';

/** One request as sent, and its expected outcome. */
export interface OddRequest {
  readonly what: string;
  readonly bytes: string | Buffer;
  readonly answer: Answer;
  /** the outcome through nginx, if nginx, which reads the request first, answers differently */
  readonly throughNginx?: Answer;
  /** the client closes its sending side, and waits */
  readonly halfClose?: boolean;
}

export const INVALID: Answer = [400, 'INVALID_REQUEST'];
export const NOWHERE: Answer = [404, 'INVALID_REQUEST'];
export const OTHER_METHOD: Answer = [405, 'METHOD_NOT_ALLOWED'];
export const NO_JOB: Answer = [404, 'JOB_NOT_FOUND'];
export const BAD_CURSOR: Answer = [400, 'INVALID_CURSOR'];
export const TOO_LARGE: Answer = [413, 'PAYLOAD_TOO_LARGE'];
export const NOT_JSON: Answer = [415, 'UNSUPPORTED_MEDIA_TYPE'];
export const STRANGER: Answer = [401, 'UNAUTHENTICATED'];
export const HEAD_TOO_LARGE: Answer = [431, 'INVALID_REQUEST'];

export const SECRET = canary('a key of the settings');
/** The id of a job in a request hidden inside another one. The job must never exist. */
export const SMUGGLED = 'a-smuggled-request';

const GOOD_BODY = '{"query":"odd"}';

interface PostOptions {
  /** additional lines of the head */
  readonly head?: readonly string[];
  /** `application/json` when left out; null: none */
  readonly type?: string | null;
  readonly authorization?: string | null;
}

/** A POST that is valid except for what the options change. */
export function post(body: string | Buffer = GOOD_BODY, options: PostOptions = {}): Buffer {
  const { head = [], type = 'application/json', authorization = `Bearer ${SECRET}` } = options;
  const lines = [
    'POST /jobs HTTP/1.1',
    'Host: millrace',
    'Connection: close',
    ...(head.some((line) => /^accept:/i.test(line)) ? [] : ['Accept: application/json']),
    ...(authorization === null ? [] : [`Authorization: ${authorization}`]),
    ...(type === null ? [] : [`Content-Type: ${type}`]),
    ...head,
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), Buffer.from(body)]);
}

/** A request without a body that is valid except for its path and the lines added to its head. */
export function get(path: string, head: readonly string[] = [], method = 'GET'): Buffer {
  const lines = [
    `${method} ${path} HTTP/1.1`,
    'Host: millrace',
    'Connection: close',
    `Authorization: Bearer ${SECRET}`,
  ];
  return Buffer.from(`${[...lines, ...head].join('\r\n')}\r\n\r\n`, 'latin1');
}

/** A literal head, line by line, and the literal bytes after it. */
export function raw(lines: readonly string[], body = '', end = '\r\n'): Buffer {
  return Buffer.from(`${lines.join(end)}${end}${end}${body}`, 'latin1');
}

/** A POST to hide in another request; it must not reach the API. */
export const HIDDEN = post(GOOD_BODY, { head: [`X-Request-Id: ${SMUGGLED}`] }).toString('latin1');
