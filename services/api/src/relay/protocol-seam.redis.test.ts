import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, rawRequest } from '@millrace/testing';
import { ApiHarness, finish, refOf, say, type TestNode } from '../testing/api-harness.ts';
import { ScratchModule } from '../testing/scratch.controller.ts';

let harness: ApiHarness;
let node: TestNode;
beforeAll(async () => {
  harness = await ApiHarness.start();
  node = await harness.node({}, { modules: [ScratchModule] });
});
afterAll(() => harness?.[Symbol.asyncDispose]());

function ask(jobId: string, options: object = {}, at = node) {
  const headers = { 'content-type': 'application/json', 'x-request-id': jobId };
  return rawRequest(`${at.url}/scratch`, { headers, body: JSON.stringify({ question: 'why?', ...options }) });
}

const isThere = (jobId: string) => eventually(async () => (await harness.reader.outline(refOf(jobId))) !== null);
const textOf = ({ bytes }: { readonly bytes: Buffer }) => bytes.toString();

const watch = (jobId: string, from?: number | string) =>
  rawRequest(`${node.url}/scratch/${jobId}${from === undefined ? '' : `?from=${from}`}`);

describe('a protocol of one folder and one controller', () => {
  it('makes a job, streams it in its own words, and resumes by its own cursor', async () => {
    const jobId = 'a-job-in-scratch-words';
    const asked = ask(jobId);
    await isThere(jobId);
    await harness.answer(jobId, ['Because', ' it is.']);
    const { headers, bytes, end } = await asked;
    expect(headers).toMatchObject({ 'content-type': 'text/x-scratch', 'x-request-id': jobId });
    expect(headers).not.toHaveProperty('location');
    const lines = bytes.toString().split('\n');
    const createdAt = (await harness.reader.outline(refOf(jobId)))?.createdAt;
    const told = {
      ...{ id: jobId, model: 'openai:gpt-4o-mini', createdAt, threadId: null, pipeline: 'chat', metadata: {} },
      ...{ onDisconnect: 'continue', continues: null },
    };
    expect(lines).toEqual([
      `1 hello ${JSON.stringify(told)}`,
      '2 skip {}',
      '3 say {"text":"Because"}',
      '4 say {"text":" it is."}',
      '5 bye {}',
      '',
    ]);
    expect(end).toBe('clean');
    expect((await watch(jobId)).bytes.toString()).toBe(bytes.toString());
    expect((await watch(jobId, 3)).bytes.toString()).toBe(lines.slice(3).join('\n'));
    expect((await watch(jobId, 'x')).status).toBe(400);
    // whichever protocol made the job, every other one tells it
    const text = await rawRequest(`${node.url}/jobs/${jobId}/stream`, { headers: { accept: 'text/plain' } });
    expect(text.bytes.toString()).toBe('Because it is.');
  });

  it('is broken off at a shutdown where its clients take a clean end for success', async () => {
    const jobId = 'a-job-that-goes-on-still';
    const other = await harness.node({}, { modules: [ScratchModule] });
    const asked = ask(jobId);
    await isThere(jobId);
    const writer = await harness.begin(jobId);
    await say(writer, ['half']);
    const watched = rawRequest(`${other.url}/scratch/${jobId}`);
    await eventually(() => other.log.some(({ msg }) => msg === 'attached'));
    await other.api.drain();
    expect((await watched).end).toBe('broken');
    await fetch(`${node.url}/jobs/${jobId}`, { method: 'DELETE' });
    expect((await asked).bytes.toString()).toContain('fail {"by":"owner"}');
  });

  it('sends the answer whole, when the job has ended', async () => {
    const jobId = 'a-job-that-is-sent-whole';
    const asked = ask(jobId, { whole: true });
    await isThere(jobId);
    await harness.answer(jobId, ['Because', ' it is.']);
    const { status, headers, bytes } = await asked;
    expect(JSON.parse(bytes.toString())).toEqual({ id: jobId, text: 'Because it is.', end: 'done' });
    expect([status, headers['x-request-id'], headers['cache-control']]).toEqual([200, jobId, 'no-store']);
    expect(headers).not.toHaveProperty('location');
    // the same request again has the same answer, at once
    expect(textOf(await ask(jobId, { whole: true }))).toBe(bytes.toString());
  });

  it('sends a long answer whole, from many pages and past a reset', async () => {
    const jobId = 'a-long-job-sent-whole';
    const asked = ask(jobId, { whole: true });
    await isThere(jobId);
    await say(await harness.begin(jobId), ['void']);
    const writer = await harness.begin(jobId);
    const parts = Array.from({ length: 40 }, (_, index) => `${index} ${'x'.repeat(4_000)} `);
    await say(writer, parts);
    await finish(writer);
    expect(JSON.parse(textOf(await asked))).toMatchObject({ text: parts.join(''), end: 'done' });
  });

  it('says how a job ended that has no answer', async () => {
    const jobId = 'a-job-that-is-cancelled';
    const asked = ask(jobId, { whole: true });
    await isThere(jobId);
    await fetch(`${node.url}/jobs/${jobId}`, { method: 'DELETE' });
    const { status, bytes } = await asked;
    expect([status, JSON.parse(bytes.toString())]).toMatchObject([500, { end: 'cancelled' }]);
  });

  it('names what is wrong in its own words, before there is a job', async () => {
    const refused = (body: object) => ask('a-job-that-is-refused', body);
    expect(JSON.parse(textOf(await refused({ question: 1 })))).toMatchObject({
      status: 400,
      errors: [{ pointer: '/question' }],
    });
    expect(await harness.reader.outline(refOf('a-job-that-is-refused'))).toBeNull();
  });

  it('cancels a job whose only reader leaves, also one who waits for the whole answer', async () => {
    const short = await harness.node({ MILLRACE_DISCONNECT_GRACE_MS: '150' }, { modules: [ScratchModule] });
    for (const whole of [false, true]) {
      const jobId = `a-job-that-is-left-${whole}`;
      const leaving = new AbortController();
      const asked = fetch(`${short.url}/scratch`, {
        ...{ method: 'POST', body: JSON.stringify({ question: 'why?', lasting: false, whole }) },
        headers: { 'content-type': 'application/json', 'x-request-id': jobId },
        signal: leaving.signal,
      }).then((answer) => answer.text());
      asked.catch(() => undefined);
      await isThere(jobId);
      leaving.abort();
      await eventually(async () => (await harness.reader.outline(refOf(jobId)))?.status === 'cancelled');
    }
  });

  it('ends whole answers late at a shutdown, and begins no job that would end with its connection', async () => {
    const other = await harness.node({ MILLRACE_DRAIN_MS: '60000' }, { modules: [ScratchModule] });
    const [early, late] = ['a-job-that-ends-in-time', 'a-job-that-ends-too-late'] as const;
    const [inTime, tooLate] = [ask(early, { whole: true }, other), ask(late, { whole: true }, other)];
    const half = ask('a-job-that-is-streamed', {}, other);
    for (const id of [early, late, 'a-job-that-is-streamed']) await isThere(id);
    let isDrained = false;
    const drained = other.api.drain().then(() => {
      isDrained = true;
    });
    await eventually(async () => (await fetch(`${other.url}/readyz`)).status === 503);
    const refused = await ask('a-job-that-comes-too-late', { lasting: false }, other);
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '61']);
    expect(await harness.reader.outline(refOf('a-job-that-comes-too-late'))).toBeNull();

    await harness.answer(early, ['whole']);
    expect(JSON.parse(textOf(await inTime))).toMatchObject({ text: 'whole' });
    await harness.answer('a-job-that-is-streamed', ['whole']);
    expect((await half).end).toBe('clean');
    expect(isDrained).toBe(false);
    const closed = other.api.close();
    expect((await tooLate).status).toBe(503);
    await Promise.all([closed, drained]);
  });
});
