import { describe, expect, it } from '@jest/globals';
import { openAiProblem } from './errors.ts';

describe('an error in OpenAI’s form', () => {
  const problem = { status: 422, detail: 'See errors.', requestId: 'r', isJobMade: false };

  it('names the field as OpenAI does', () => {
    const errors = [{ pointer: '/input/0/content/1', detail: 'is bad' }];
    const answer = openAiProblem({ ...problem, code: 'INVALID_REQUEST', status: 400, errors });
    expect(JSON.parse(answer.body)).toEqual({
      error: {
        message: 'Invalid request. input[0].content[1]: is bad.',
        ...{ type: 'invalid_request_error', code: null, param: 'input[0].content[1]' },
      },
    });
    expect(answer).toMatchObject({ status: 400, headers: { 'x-should-retry': 'false' } });
  });

  it('has a status at which no client repeats a request that cannot succeed', () => {
    for (const code of ['INVALID_INPUT', 'IDEMPOTENCY_MISMATCH', 'UNSUPPORTED_MEDIA_TYPE'] as const) {
      expect(openAiProblem({ ...problem, code }).status).toBe(400);
    }
    for (const code of ['MODEL_NOT_ALLOWED', 'UNKNOWN_PIPELINE'] as const) {
      const { status, body } = openAiProblem({ ...problem, code });
      expect([status, JSON.parse(body)]).toMatchObject([404, { error: { code: 'model_not_found', param: 'model' } }]);
    }
  });

  it('asks for a repetition only before there is a job', () => {
    const busy = { ...problem, code: 'QUEUE_FULL', status: 503, retryAfter: '5' } as const;
    expect(openAiProblem(busy)).toMatchObject({
      status: 503,
      headers: { 'x-should-retry': 'true', 'Retry-After': '5' },
    });
    expect(openAiProblem({ ...busy, isJobMade: true }).headers).toEqual({ 'x-should-retry': 'false' });
    // until midnight: nobody is to knock twice more before giving up
    expect(openAiProblem({ ...busy, retryAfter: '3600' }).headers).toEqual({
      'x-should-retry': 'false',
      'Retry-After': '3600',
    });
  });
});
