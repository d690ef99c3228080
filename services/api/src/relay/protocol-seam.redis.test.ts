import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, rawRequest } from '@millrace/testing';
import { ApiHarness, refOf, say, type TestNode } from '../testing/api-harness.ts';
import { ScratchModule } from '../testing/scratch.controller.ts';

let harness: ApiHarness;
let node: TestNode;
beforeAll(async () => {
  harness = await ApiHarness.start();
  node = await harness.node({}, { modules: [ScratchModule] });
});
afterAll(() => harness?.[Symbol.asyncDispose]());

function ask(jobId: string) {
  const headers = { 'content-type': 'application/json', 'x-request-id': jobId };
  return rawRequest(`${node.url}/scratch`, { headers, body: '{"question":"why?"}' });
}

const watch = (jobId: string, from?: number | string) =>
  rawRequest(`${node.url}/scratch/${jobId}${from === undefined ? '' : `?from=${from}`}`);

describe('a protocol of one folder and one controller', () => {
  it('makes a job, streams it in its own words, and resumes by its own cursor', async () => {
    const jobId = 'a-job-in-scratch-words';
    const asked = ask(jobId);
    await eventually(async () => (await harness.reader.outline(refOf(jobId))) !== null);
    await harness.answer(jobId, ['Because', ' it is.']);
    const { headers, bytes, end } = await asked;
    expect(headers).toMatchObject({ 'content-type': 'text/x-scratch', 'x-request-id': jobId });
    expect(headers).not.toHaveProperty('location');
    const lines = bytes.toString().split('\n');
    const createdAt = (await harness.reader.outline(refOf(jobId)))?.createdAt;
    expect(lines).toEqual([
      `1 hello ${JSON.stringify({ id: jobId, model: 'openai:gpt-4o-mini', createdAt, threadId: null })}`,
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
    await eventually(async () => (await harness.reader.outline(refOf(jobId))) !== null);
    const writer = await harness.begin(jobId);
    await say(writer, ['half']);
    const watched = rawRequest(`${other.url}/scratch/${jobId}`);
    await eventually(() => other.log.some(({ msg }) => msg === 'attached'));
    await other.api.drain();
    expect((await watched).end).toBe('broken');
    await fetch(`${node.url}/jobs/${jobId}`, { method: 'DELETE' });
    expect((await asked).bytes.toString()).toContain('fail {"by":"owner"}');
  });
});
