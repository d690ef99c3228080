import { describe, expect, it } from '@jest/globals';
import { IdempotencyMismatch, JobNotFound, LogExpired, SubscriptionUnconfirmed } from '@millrace/stream-log';
import { NotFoundException, PayloadTooLargeException } from '@nestjs/common';
import { problemBody } from './error-forms.ts';
import { toProblem } from './to-problem.ts';

const named = (name: string, message: string) => Object.assign(new Error(message), { name });

describe('the problem that a caller gets', () => {
  it.each<[string, unknown, number, string]>([
    ['an unknown job', new JobNotFound('t.x'), 404, 'JOB_NOT_FOUND'],
    ['an expired log', new LogExpired('t.x'), 410, 'LOG_EXPIRED'],
    ['another request’s id', new IdempotencyMismatch('t.x'), 422, 'IDEMPOTENCY_MISMATCH'],
    ['an unknown path', new NotFoundException(), 404, 'INVALID_REQUEST'],
    ['a large body', new PayloadTooLargeException(), 413, 'PAYLOAD_TOO_LARGE'],
    ['a dead Redis', named('MaxRetriesPerRequestError', 'x'), 503, 'UNAVAILABLE'],
    ['a slow Redis', new Error('Command timed out'), 503, 'UNAVAILABLE'],
    ['a subscription that Redis did not confirm', new SubscriptionUnconfirmed(), 503, 'UNAVAILABLE'],
    ['a refused connection', Object.assign(new Error(), { code: 'ECONNREFUSED' }), 503, 'UNAVAILABLE'],
    [
      'a client that broke off its body',
      Object.assign(new Error('aborted'), { code: 'ECONNRESET', statusCode: 400 }),
      400,
      'INVALID_REQUEST',
    ],
    ['a loading Redis', named('ReplyError', 'LOADING Redis is loading the dataset in memory'), 503, 'UNAVAILABLE'],
    [
      'a full Redis',
      named('ReplyError', "OOM command not allowed when used memory > 'maxmemory'."),
      503,
      'UNAVAILABLE',
    ],
    ['a mistake of ours', named('ReplyError', 'WRONGTYPE Operation against a key'), 500, 'INTERNAL'],
    ['a bug', new TypeError('secret prompt'), 500, 'INTERNAL'],
    ['no error at all', 'secret prompt', 500, 'INTERNAL'],
  ])('of %s', (_, error, status, code) => {
    const body = problemBody(toProblem(error), 'an-id');
    expect(body).toMatchObject({ status, code, requestId: 'an-id' });
    expect(JSON.stringify(body)).not.toContain('secret');
  });
});
