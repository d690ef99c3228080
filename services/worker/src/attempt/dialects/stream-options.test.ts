import { describe, expect, it } from '@jest/globals';
import { CompletionRequests } from '../../pipelines/models/openai/completion-requests.ts';
import { type Case, DialectServer, DONE, frame, HELLO, outcomeOf, STOP, WAYS } from './testing/dialect-server.ts';

const server = new DialectServer();

describe.each(WAYS)('the option stream_options, read %s', (way) => {
  it.each<[string, Case]>([
    [
      'with a status',
      { status: 400, body: JSON.stringify({ error: { message: 'Unknown parameter: stream_options', code: 400 } }) },
    ],
    [
      'with another status',
      { status: 422, body: JSON.stringify({ detail: [{ loc: ['body', 'stream_options'], msg: 'Extra inputs' }] }) },
    ],
    ['by a server that fails at it', { status: 500, body: "TypeError: unexpected keyword argument 'stream_options'" }],
    [
      'as an object of its own',
      {
        status: 422,
        body: JSON.stringify({ object: 'error', message: { detail: [{ loc: ['body', 'stream_options'] }] } }),
      },
    ],
    ['by a framework, in a 200', { body: JSON.stringify({ detail: [{ loc: ['body', 'stream_options'] }] }) }],
    ['in a stream', { body: frame({ error: { code: 400, message: 'stream_options is not supported' } }) }],
  ])(
    'repeats the request without the option when the server rejects it %s, and remembers that',
    async (_, rejection) => {
      const answering = { body: HELLO + STOP + DONE };
      server.answer({ ...rejection, headers: { 'content-type': 'application/json' }, next: answering });
      const requests = new CompletionRequests();
      const outcome = await outcomeOf(() => server.model(way, { requests }));
      expect(outcome).toMatchObject({ end: 'done', text: 'Hello' });
      expect(await outcomeOf(() => server.model(way, { requests }))).toMatchObject({ end: 'done' });
      expect(server.requests.map(({ stream_options: option }) => option !== undefined)).toEqual([true, false, false]);
    },
  );

  it('is sent again when a rejection only quotes the prompt', async () => {
    const quoting = {
      status: 400,
      body: '{"error":{"message":"too long: what are stream_options?"}}',
      code: 'MODEL_ERROR',
    };
    const answering = { body: HELLO + STOP + DONE };
    server.answer({ ...quoting, next: { ...quoting, next: answering } });
    const requests = new CompletionRequests();
    expect(await outcomeOf(() => server.model(way, { requests }))).toMatchObject({ end: 'error', code: 'MODEL_ERROR' });
    expect(await outcomeOf(() => server.model(way, { requests }))).toMatchObject({ end: 'done', text: 'Hello' });
    expect(server.requests.map(({ stream_options: option }) => option !== undefined)).toEqual([true, false, true]);
  });

  it('is dropped when another server behind the same name rejects it', async () => {
    const answering: Case = { body: HELLO + STOP + DONE };
    const rejecting = { status: 400, body: '{"error":{"message":"Unknown parameter: stream_options"}}' };
    server.answer({ ...answering, next: { ...rejecting, next: answering } });
    const requests = new CompletionRequests();
    for (let job = 0; job < 3; job += 1) {
      expect(await outcomeOf(() => server.model(way, { requests }))).toMatchObject({ end: 'done', text: 'Hello' });
    }
    expect(server.requests.map(({ stream_options: option }) => option !== undefined)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});
