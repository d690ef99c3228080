import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PipelineInfo } from '@millrace/contracts';
import { startRedis, type TestRedis } from '@millrace/testing';
import { LogHarness } from '../testing/log-harness.ts';
import { PipelineAnnouncements } from './pipeline-announcements.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const chat: PipelineInfo = { name: 'chat', kind: 'pipeline' };
const support: PipelineInfo = {
  ...{ name: 'support', kind: 'agent', description: 'Answers tickets.' },
  inputSchema: { type: 'object', properties: { ticket: { type: 'string' } } },
};

describe('the announcements of pipelines', () => {
  it('tell which workers have a pipeline, and what is known of it', async () => {
    await using d = LogHarness.single(server.url);
    const announcements = new PipelineAnnouncements(d.redis, d.keys);
    await announcements.announce({ worker: 'one', since: 1, pipelines: [chat] });
    await announcements.announce({ worker: 'two', since: 2, pipelines: [chat, support] });
    expect(new Set(await announcements.names())).toEqual(new Set(['chat', 'support']));
    expect(await announcements.list()).toEqual([
      { ...chat, workers: ['one', 'two'] },
      { ...support, workers: ['two'] },
    ]);
  });

  it('believe the worker that started last, whoever announces last', async () => {
    await using d = LogHarness.single(server.url);
    const announcements = new PipelineAnnouncements(d.redis, d.keys);
    await announcements.announce({
      worker: 'new',
      since: 2,
      pipelines: [{ ...support, description: 'Answers more.' }],
    });
    await announcements.announce({ worker: 'old', since: 1, pipelines: [support] });
    expect(await announcements.list()).toEqual([{ ...support, description: 'Answers more.', workers: ['old', 'new'] }]);
  });

  it('are read by nodes of the first release, and read theirs', async () => {
    await using d = LogHarness.single(server.url);
    const announcements = new PipelineAnnouncements(d.redis, d.keys);
    await announcements.announce({ worker: 'new', since: 1, pipelines: [support] });
    await d.redis.hset(d.keys.pipelines, 'weather', Date.now());
    expect(await announcements.list()).toEqual([
      { ...support, workers: ['new'] },
      { name: 'weather', kind: 'pipeline', workers: [] },
    ]);
    const fields = Object.entries(await d.redis.hgetall(d.keys.pipelines));
    const asOldNodesRead = fields.filter(([, at]) => Number(at) >= Date.now() - 60_000).map(([name]) => name);
    expect(new Set(asOldNodesRead)).toEqual(new Set(['support', 'weather']));
  });

  it('count for a minute, and are forgotten soon after', async () => {
    await using d = LogHarness.single(server.url);
    const announcements = new PipelineAnnouncements(d.redis, d.keys);
    const minutesAgo = (minutes: number) => Date.now() - minutes * 60_000 - 1_000;
    const known = (at: number) => JSON.stringify({ at, since: 1, pipelines: [support] });
    await d.redis.hset(d.keys.pipelines, { '@late': known(minutesAgo(1)), '@gone': known(minutesAgo(2)) });
    expect(await announcements.list()).toEqual([]);
    await announcements.announce({ worker: 'new', since: 1, pipelines: [chat] });
    expect(new Set(await d.redis.hkeys(d.keys.pipelines))).toEqual(new Set(['@late', '@new', 'chat']));
  });

  it('may be more than this release can read', async () => {
    await using d = LogHarness.single(server.url);
    await d.redis.hset(d.keys.pipelines, { '@newer': '{"pipelines":7}', '@other': 'not JSON' });
    expect(await new PipelineAnnouncements(d.redis, d.keys).list()).toEqual([]);
  });
});
