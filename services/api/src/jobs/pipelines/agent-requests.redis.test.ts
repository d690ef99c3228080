import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JobRequest } from '@millrace/contracts';
import { PipelineAnnouncements } from '@millrace/stream-log';
import { eventually, startRedis, type TestRedis } from '@millrace/testing';
import { ApiHarness, post, refOf, submit, type TestNode } from '../../testing/api-harness.ts';

let redis: TestRedis;
let harness: ApiHarness;
let node: TestNode;

beforeAll(async () => {
  redis = await startRedis();
  harness = new ApiHarness(redis.url);
  await new PipelineAnnouncements(harness.redis, harness.keys).announce({
    worker: 'w1',
    since: 1,
    pipelines: [
      { name: 'chat', kind: 'pipeline' },
      { name: 'module', kind: 'pipeline' },
      {
        name: 'writer',
        kind: 'agent',
        inputSchema: {
          type: 'object',
          properties: { topic: { type: 'string' }, words: { type: 'array', items: { type: 'integer' } } },
          required: ['topic'],
          additionalProperties: false,
        },
      },
      { name: 'helper', kind: 'agent' },
      {
        name: 'choosy',
        kind: 'agent',
        configSchema: {
          type: 'object',
          properties: { tone: { enum: ['dry', 'kind'] }, depth: { type: 'integer' } },
          required: ['tone'],
          additionalProperties: false,
        },
      },
    ],
  });
  node = await harness.node();
});
afterAll(async () => {
  await harness?.[Symbol.asyncDispose]();
  await redis?.stop();
});

interface Problem {
  readonly code: string;
  readonly errors: { readonly pointer: string }[];
}

async function refusal(body: object): Promise<[status: number, code: string, pointers: string[]]> {
  const answer = await post(node, body, { accept: 'application/json' });
  const { code, errors } = (await answer.json()) as Problem;
  return [answer.status, code, errors.map(({ pointer }) => pointer)];
}

describe('fields for agents (PROTOCOL §2)', () => {
  it.each(['chat', 'module'])('are refused by the pipeline %s, each by name', async (pipeline) => {
    const body = { pipeline, query: 'hi', config: { a: 1 }, streamModes: ['values'] };
    expect(await refusal(body)).toEqual([400, 'INVALID_REQUEST', ['/config', '/streamModes']]);
    expect(await refusal({ pipeline, input: {} })).toEqual([400, 'INVALID_REQUEST', ['/input']]);
  });

  it('are what an agent gets, with the caller', async () => {
    const id = await submit(
      node,
      {},
      {
        pipeline: 'helper',
        input: { any: ['thing', null] },
        config: { tone: 'dry' },
        streamModes: ['values', 'updates'],
      },
    );
    const request = JSON.parse(
      (await harness.redis.hget(harness.keys.record(refOf(id)), 'request')) ?? '',
    ) as JobRequest;
    expect(request).toMatchObject({
      messages: [],
      input: { any: ['thing', null] },
      config: { tone: 'dry' },
      streamModes: ['values', 'updates'],
      caller: { tenant: 'default', role: 'admin', subject: null },
    });
    expect(request).not.toHaveProperty('resume');
    expect(request).not.toHaveProperty('delayMs');
  });

  it.each<[object, string[]]>([
    [{ input: {} }, ['/input/topic']],
    [{ input: { topic: 1, words: [1, 'two'], more: 1 } }, ['/input/more', '/input/topic', '/input/words/1']],
    [{ query: 'hi' }, ['/query']],
    [{ messages: [{ role: 'user', content: 'hi' }] }, ['/messages']],
  ])('are checked against the schema of the agent: %j', async (body, pointers) => {
    expect(await refusal({ pipeline: 'writer', ...body })).toEqual([422, 'INVALID_INPUT', pointers]);
  });

  it.each<[object | undefined, string[]]>([
    [undefined, ['/config/tone']],
    [{}, ['/config/tone']],
    [{ tone: 'loud', depth: 1.5 }, ['/config/tone', '/config/depth']],
    [{ tone: 'dry', colour: 'red' }, ['/config/colour']],
  ])('have a config that suits the agent: not %j', async (config, pointers) => {
    for (const source of [{ query: 'hi' }, { input: { any: 1 } }]) {
      expect(await refusal({ pipeline: 'choosy', ...source, config })).toEqual([422, 'INVALID_INPUT', pointers]);
    }
    await submit(node, {}, { pipeline: 'choosy', query: 'hi', config: { tone: 'dry', depth: 2 } });
  });

  it('do not go with what only a model takes: it would be ignored', async () => {
    const body = {
      ...{ model: 'no:such', temperature: 1, maxTokens: 5, topP: 1, stop: 'x', seed: 1, reasoningEffort: 'low' },
      ...{ presencePenalty: 0, frequencyPenalty: 0, responseFormat: { type: 'text' } },
      ...{ tools: [{ name: 'a', parameters: {} }], toolChoice: 'auto', parallelToolCalls: false },
    };
    const [status, code, pointers] = await refusal({ pipeline: 'helper', query: 'hi', ...body });
    expect([status, code]).toEqual([400, 'INVALID_REQUEST']);
    expect(new Set(pointers)).toEqual(new Set(Object.keys(body).map((field) => `/${field}`)));
  });

  it('are known as soon as a worker has announced them', async () => {
    const pipeline = `late-${crypto.randomUUID()}`;
    expect(await refusal({ pipeline, query: 'hi' })).toEqual([422, 'UNKNOWN_PIPELINE', ['/pipeline']]);
    await new PipelineAnnouncements(harness.redis, harness.keys).announce({
      ...{ worker: 'w2', since: 2 },
      pipelines: [{ name: pipeline, kind: 'agent' }],
    });
    // sooner than what a node caches is old
    const accept = { accept: 'application/json' };
    await eventually(async () => (await post(node, { pipeline, query: 'hi' }, accept)).status === 202, {
      timeoutMs: 4_000,
    });
  });

  it('name 20 faults at most', async () => {
    const words = Array.from({ length: 1_000 }, () => 'word');
    const [, , pointers] = await refusal({ pipeline: 'writer', input: { topic: 'a', words } });
    expect(pointers).toHaveLength(20);
  });

  it('leave nothing in Redis where they are refused', async () => {
    const names = () => harness.storedKeys();
    const before = await names();
    await post(node, { pipeline: 'writer', input: {}, threadId: 't1' }, { 'idempotency-key': 'k1' });
    expect(await names()).toEqual(before);
  });
});
