import { describe, expect, it } from '@jest/globals';
import { errorAnswer } from './error-forms.ts';
import { MethodNotAllowed, QueueFull, UnknownPipeline } from './problem.ts';

const REQUEST = { requestId: 'an-id-of-a-request', hasMadeJob: false };

describe('the form of an error', () => {
  it.each([
    ['/jobs', 'problem+json'],
    ['/v1/stream/x?offset=-1', 'problem+json'],
    ['/v1/streams', 'openai'],
    ['/v1', 'openai'],
    ['/v1?x=/v1/stream', 'openai'],
    ['/v1x', 'problem+json'],
    ['/v1/chat/completions', 'openai'],
    ['', 'problem+json'],
  ])('is that of the path’s protocol: %s', (url, form) => {
    const { contentType, body } = errorAnswer(new UnknownPipeline(['chat']), { ...REQUEST, url });
    expect(contentType).toContain(form === 'openai' ? 'application/json' : 'application/problem+json');
    expect(JSON.parse(body)).toMatchObject(
      form === 'openai' ? { error: { code: 'model_not_found' } } : { status: 422 },
    );
  });

  it('keeps the headers of the problem, and asks for a repetition only while there is no job', () => {
    const url = '/v1/chat/completions';
    expect(errorAnswer(new MethodNotAllowed(['POST']), { ...REQUEST, url })).toMatchObject({
      status: 405,
      headers: { Allow: 'POST' },
    });
    const full = new QueueFull();
    expect(errorAnswer(full, { ...REQUEST, url }).headers).toEqual({ 'x-should-retry': 'true', 'Retry-After': '5' });
    const { headers } = errorAnswer(full, { ...REQUEST, url, hasMadeJob: true });
    expect(headers).toEqual({ 'x-should-retry': 'false' });
  });
});
