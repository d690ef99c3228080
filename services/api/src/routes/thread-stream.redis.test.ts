import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, readSse } from '@millrace/testing';
import type { FastifyRequest } from 'fastify';
import type { Authenticator } from '../auth/authenticator.ts';
import type { Caller } from '../auth/caller.ts';
import { OpenStreams } from '../relay/open-streams.ts';
import { ApiHarness, submit, type TestNode } from '../testing/api-harness.ts';
import { TestThread } from '../testing/test-thread.ts';

const keyOf = (tenant: string) => ({ authorization: `Bearer secret-of-the-tenant-${tenant}` });

let harness: ApiHarness;
let node: TestNode;

beforeAll(async () => {
  harness = await ApiHarness.start({
    MILLRACE_AUTH: 'apikey',
    MILLRACE_API_KEYS: ['one:user', 'two:user', 'bound:user', 'ops:admin']
      .map((key) => `${key}:secret-of-the-tenant-${key.split(':')[0]}`)
      .join(','),
    MILLRACE_MAX_STREAMS_PER_TENANT: '2',
  });
  node = await harness.node();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const threadOf = (tenant: string) => new TestThread(harness, tenant).create();

describe('the stream of a thread', () => {
  it('is for its tenant and for admins alone', async () => {
    const of = await threadOf('one');
    const answers = await Promise.all([
      fetch(of.streamOf(node)),
      fetch(of.streamOf(node), { headers: keyOf('two') }),
      fetch(`${of.streamOf(node)}?tenant=one`, { headers: keyOf('two') }),
      fetch(of.streamOf(node), { headers: keyOf('ops') }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([401, 404, 404, 200]);
    await answers[3]?.body?.cancel();
    await using admin = await readSse(`${of.streamOf(node)}?tenant=one`, { headers: keyOf('ops') });
    await using own = await readSse(of.streamOf(node), { headers: keyOf('one') });
    const id = await submit(node, keyOf('one'));
    await of.enter(id);
    for (const reader of [admin, own]) expect(await reader.take(1)).toMatchObject([{ id: `${id}/0-1` }]);
  });

  it('of one tenant gives nothing of the thread with that id of another', async () => {
    const of = await threadOf('one');
    const theirs = await new TestThread(harness, 'two', of.id).create();
    await using own = await readSse(of.streamOf(node), { headers: keyOf('one') });
    await using other = await readSse(theirs.streamOf(node), { headers: keyOf('two') });
    const id = await submit(node, keyOf('two'));
    await theirs.enter(id);
    await other.take(1);
    const mine = await submit(node, keyOf('one'));
    await of.enter(mine);
    expect(await own.take(1)).toMatchObject([{ id: `${mine}/0-1` }]);
  });

  it('counts as a stream of the caller’s tenant', async () => {
    const headers = keyOf('bound');
    const of = await threadOf('bound');
    const first = await readSse(of.streamOf(node), { headers });
    await using _second = await readSse(of.streamOf(node), { headers });
    const refused = await fetch(of.streamOf(node), { headers });
    expect([refused.status, await refused.json()]).toMatchObject([429, { code: 'RATE_LIMITED' }]);
    await first.close();
    await eventually(async () => {
      const answer = await fetch(of.streamOf(node), { headers });
      await answer.body?.cancel();
      return answer.status === 200;
    });
  });

  it('ends when the credential of its caller does, without a terminal event', async () => {
    // from when it is first shown: the node takes its time to start
    let expiresAt: number | undefined;
    const authenticator: Authenticator = {
      authenticate: async (_: FastifyRequest): Promise<Caller> => {
        expiresAt ??= Date.now() + 5_000;
        return {
          ...{ tenant: 'one', role: 'user', subject: 'a-person' },
          permissions: new Set(['job:watch', 'job:create']),
          scope: null,
          credential: { id: null, expiresAt },
        };
      },
    };
    const at = await harness.node({}, { authenticator });
    const of = await threadOf('one');
    await using stream = await readSse(of.streamOf(at));
    const id = await submit(at);
    await of.enter(id);
    expect(await stream.ended).toBe('clean');
    expect(idsOf(stream.events)).toEqual([`${id}/0-1`]);
    await eventually(() => at.api.nest.get(OpenStreams).size === 0);
  });
});

const idsOf = (events: readonly { readonly id: string | undefined }[]) => events.map(({ id }) => id);
