import { describe, expect, it } from '@jest/globals';
import { ContentUnreadable, LogLimitExceeded } from '@millrace/stream-log';
import { AgentFailed, type AgentFailure } from '../pipelines/agents/agent-failed.ts';
import { PipelineError } from '../pipelines/definition/pipeline.ts';
import { DeadlineExceeded, MalformedEvent, PipelineMissing } from './attempt-errors.ts';
import { failureOf } from './failure.ts';

const SECRET = 'sk-secret https://user:pass@host/ the prompt';

function httpError(status: number, extra: object = {}): Error {
  return Object.assign(new Error(SECRET), { status }, extra);
}

function caused(message: string, cause: unknown): Error {
  return new TypeError(message, { cause });
}

describe('a failure, as the caller sees it,', () => {
  it.each<[string, unknown, string, boolean, boolean]>([
    ['a refused key', httpError(401, { code: 'invalid_api_key' }), 'MODEL_ERROR', false, false],
    ['content that was altered', new ContentUnreadable('altered', SECRET), 'INTERNAL', false, false],
    ['a key that is away', new ContentUnreadable('unavailable', SECRET), 'INTERNAL', true, false],
    ['a rate limit', httpError(429), 'MODEL_RATE_LIMITED', true, true],
    ['an empty account', httpError(429, { code: 'insufficient_quota' }), 'MODEL_RATE_LIMITED', false, false],
    ['an overloaded model', httpError(529), 'MODEL_ERROR', true, true],
    ['a gateway’s timeout', httpError(504), 'MODEL_TIMEOUT', true, true],
    ['another package’s status', { statusCode: 502 }, 'MODEL_ERROR', true, true],
    ['an HTTP client’s status', { response: { status: 500 } }, 'MODEL_ERROR', true, true],
    ['a lost connection', caused('terminated', { code: 'UND_ERR_SOCKET' }), 'MODEL_ERROR', true, true],
    ['no valid HTTP', caused('terminated', { code: 'HPE_INVALID_CHUNK_SIZE' }), 'MODEL_ERROR', true, true],
    [
      'an answer of another length',
      caused('terminated', { code: 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' }),
      'MODEL_ERROR',
      true,
      true,
    ],
    [
      'a timeout of the client',
      Object.assign(new Error(SECRET), { name: 'TimeoutError' }),
      'MODEL_TIMEOUT',
      true,
      true,
    ],
    ['a clock', new DeadlineExceeded('TIMEOUT', 'too long'), 'TIMEOUT', true, false],
    ['a full log', new LogLimitExceeded('t.id'), 'MODEL_ERROR', false, false],
    ['a missing pipeline', new PipelineMissing('x'), 'INTERNAL', true, false],
    ['a malformed event', new MalformedEvent('x', 'text: data.text'), 'INTERNAL', false, false],
    ['a bug', new TypeError(SECRET), 'INTERNAL', false, false],
    ['what is no error', SECRET, 'INTERNAL', false, false],
    ['nothing', undefined, 'INTERNAL', false, false],
  ])('%s', (_, error, code, retryable, transient) => {
    const failure = failureOf(error);
    expect(failure).toMatchObject({ code, retryable, transient });
    expect(failure.message).not.toMatch(/secret|pass|prompt/);
  });

  it('has the code and message of a PipelineError, also from another copy of the class', () => {
    const said = { code: 'MODEL_ERROR', message: 'No stock prices today.', retryable: true, transient: false };
    const error = new PipelineError('MODEL_ERROR', 'No stock prices today.', true);
    expect(failureOf(error)).toMatchObject(said);
    const copy = Object.assign(new Error(error.message), { name: error.name, code: error.code, retryable: true });
    expect(failureOf(copy)).toMatchObject(said);
    expect(failureOf(Object.assign(copy, { code: 'NONSENSE' })).code).toBe('INTERNAL');
  });

  it('names the status and the innermost cause', () => {
    expect(failureOf(httpError(404, { code: 'model_not_found' })).message).toContain(
      'HTTP status 404, model_not_found',
    );
    const refused = caused('fetch failed', Object.assign(new Error(SECRET), { code: 'ECONNREFUSED' }));
    expect(failureOf(caused('Connection error.', refused)).message).toContain('ECONNREFUSED');
    expect(failureOf(httpError(400, { code: SECRET })).message).not.toContain('secret');
  });

  it.each<[string, object, number]>([
    ['seconds', new Headers({ 'retry-after': '3' }), 3_000],
    ['milliseconds', new Headers({ 'retry-after': '3', 'retry-after-ms': '250' }), 250],
    ['a plain object', { 'retry-after': '2' }, 2_000],
    ['nonsense', { 'retry-after': 'soon' }, 0],
    ['nothing', {}, 0],
  ])('reads Retry-After: %s', (_, headers, delayMs) => {
    expect(failureOf(httpError(429, { headers })).retryAfterMs).toBe(delayMs);
  });

  it('reads Retry-After: a date', () => {
    const headers = { 'retry-after': new Date(Date.now() + 10_000).toUTCString() };
    const { retryAfterMs } = failureOf(httpError(503, { headers }));
    expect(retryAfterMs).toBeGreaterThan(8_000);
    expect(retryAfterMs).toBeLessThanOrEqual(10_000);
  });

  it('tells what an agent threw apart by its origin, without its words', () => {
    const of = (failure: AgentFailure, mayRunAgain: boolean, cause: unknown) =>
      failureOf(new AgentFailed(failure, mayRunAgain, cause));
    expect(of('graph', false, httpError(503))).toMatchObject({
      code: 'AGENT_ERROR',
      retryable: false,
      transient: false,
    });
    expect(of('graph', false, new Error(SECRET)).message).not.toContain('secret');
    const altered = new ContentUnreadable('altered', SECRET);
    expect(of('graph', false, altered)).toMatchObject({
      code: 'INTERNAL',
      message: expect.stringMatching('decrypted'),
    });
    expect(of('recursion', false, new Error(SECRET))).toMatchObject({ code: 'RECURSION_LIMIT', transient: false });
    expect(of('model', true, httpError(429))).toMatchObject({ code: 'MODEL_RATE_LIMITED', transient: true });
    expect(of('model', false, httpError(429))).toMatchObject({ code: 'MODEL_RATE_LIMITED', transient: false });
    expect(of('model', true, new Error(SECRET))).toMatchObject({ code: 'MODEL_ERROR', transient: false });
  });
});
