import { HttpAgent } from '@ag-ui/client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@millrace/testing';
import { ApiHarness, finish, refOf, say, type TestNode } from '../testing/api-harness.ts';

let harness: ApiHarness;
let node: TestNode;
beforeAll(async () => {
  harness = await ApiHarness.start();
  node = await harness.node();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const newIds = () => ({ threadId: crypto.randomUUID(), runId: crypto.randomUUID() });
const bodyOf = (ids: object, content = 'Hi') => ({
  ...ids,
  ...{ state: {}, messages: [{ id: 'u1', role: 'user', content }], tools: [], context: [], forwardedProps: {} },
});
const post = (path: string, body: object, headers: Record<string, string> = {}) =>
  fetch(`${node.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...headers },
    body: JSON.stringify(body),
  });
const typesIn = (text: string) => [...text.matchAll(/"type":"(\w+)"/g)].map(([, type]) => type);
const stored = (jobId: string) => eventually(async () => (await harness.reader.outline(refOf(jobId))) !== null);

describe('a run of AG-UI', () => {
  it('is a job whose id is that of the run, in its thread', async () => {
    const ids = newIds();
    const agent = new HttpAgent({ url: `${node.url}/ag-ui`, threadId: ids.threadId });
    agent.addMessage({ id: 'u1', role: 'user', content: 'Hi' });
    const finished: unknown[] = [];
    const running = agent.runAgent(
      { runId: ids.runId },
      { onRunFinishedEvent: ({ event }) => void finished.push([event.threadId, event.runId]) },
    );
    await stored(ids.runId);
    await harness.answer(ids.runId, ['Hello', ' there']);
    const { newMessages } = await running;
    expect(newMessages).toEqual([expect.objectContaining({ role: 'assistant', content: 'Hello there' })]);
    expect(finished).toEqual([[ids.threadId, ids.runId]]);
    const job = (await (await fetch(`${node.url}/jobs/${ids.runId}`)).json()) as object;
    expect(job).toMatchObject({ threadId: ids.threadId, status: 'completed', text: 'Hello there' });
  });

  it('that is sent again attaches to its job, and so does the header that names it', async () => {
    const ids = newIds();
    const first = post('/ag-ui', bodyOf(ids));
    await stored(ids.runId);
    const writer = await harness.begin(ids.runId);
    await say(writer, ['one']);
    const again = post('/ag-ui', bodyOf(ids));
    const named = post('/ag-ui', bodyOf(newIds(), 'anything'), { 'x-millrace-resume': ids.runId });
    await Promise.all([again, named]);
    await say(writer, [' two']);
    await finish(writer);
    const texts = await Promise.all([first, again, named].map(async (answer) => (await answer).text()));
    expect(texts[0]).toContain('"delta":"one"');
    expect(texts[1]).toBe(texts[0]);
    expect(texts[2]).toBe(texts[0]);
    expect(typesIn(texts[0] ?? '').at(0)).toBe('RUN_STARTED');
    expect(typesIn(texts[0] ?? '').at(-1)).toBe('RUN_FINISHED');
  });

  it('ends in an error when its job fails', async () => {
    const ids = newIds();
    const answer = post('/ag-ui', bodyOf(ids));
    await stored(ids.runId);
    const writer = await harness.begin(ids.runId);
    await say(writer, ['half']);
    await writer.fail({ code: 'MODEL_ERROR', message: 'The model failed.', retryable: true });
    const text = await (await answer).text();
    expect(text).toContain('{"type":"RUN_ERROR","message":"The model failed.","code":"MODEL_ERROR"}');
  });

  it.each([
    [{}, 'cancel'],
    [{ 'x-millrace-on-disconnect': 'continue' }, 'continue'],
  ])('whose connection is lost: with %j its job is to %s', async (headers, onDisconnect) => {
    const ids = newIds();
    const answer = post('/ag-ui', bodyOf(ids), headers);
    await stored(ids.runId);
    expect(await harness.reader.outline(refOf(ids.runId))).toMatchObject({ onDisconnect });
    await harness.answer(ids.runId, ['Hello']);
    await (await answer).text();
  });

  it('has no Location, which would lead to another protocol', async () => {
    const ids = newIds();
    const answer = post('/ag-ui', bodyOf(ids));
    await stored(ids.runId);
    const { headers } = await answer;
    expect([headers.get('x-request-id'), headers.get('location')]).toEqual([ids.runId, null]);
    expect(headers.get('content-type')).toBe('text/event-stream');
    await fetch(`${node.url}/jobs/${ids.runId}`, { method: 'DELETE' });
    expect(await (await answer).text()).toContain('"code":"CANCELLED"');
  });

  it.each<[string, string, object, Record<string, string>, number, object]>([
    [
      'without messages',
      '/ag-ui',
      { ...newIds() },
      {},
      400,
      { code: 'INVALID_REQUEST', errors: [{ pointer: '/messages' }] },
    ],
    ['of an unknown agent', '/ag-ui/nobody', bodyOf(newIds()), {}, 422, { code: 'UNKNOWN_PIPELINE' }],
    ['that resumes nothing', '/ag-ui', bodyOf(newIds()), { 'x-millrace-resume': 'no-such-run-anywhere' }, 404, {}],
    ['that resumes nonsense', '/ag-ui', bodyOf(newIds()), { 'x-millrace-resume': '?' }, 400, {}],
    [
      'that answers a question of nobody',
      '/ag-ui',
      { ...bodyOf(newIds()), resume: [{ interruptId: 'i', status: 'resolved', payload: 1 }] },
      {},
      404,
      { code: 'THREAD_NOT_FOUND' },
    ],
  ])('%s is refused', async (_, path, body, headers, status, problem) => {
    const answer = await post(path, body, headers);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'application/problem+json']);
    expect(await answer.json()).toMatchObject(problem);
  });
});
