import { DurableStream, stream } from '@durable-streams/client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Subscribers } from '@millrace/stream-log';
import { eventually } from '@millrace/testing';
import { ApiHarness, finish, refOf, say, submit, type TestNode } from '../testing/api-harness.ts';
import { SUBSCRIBERS } from '../tokens.ts';

interface Item {
  readonly id: string;
  readonly type: string;
  readonly data: { readonly text?: string };
}

let harness: ApiHarness;
let node: TestNode;
beforeAll(async () => {
  harness = await ApiHarness.start({ MILLRACE_CORS_ORIGINS: 'https://page.example' });
  node = await harness.node();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const url = (jobId: string, query = '') => `${node.url}/v1/stream/${jobId}${query}`;
const offsetIn = ({ headers }: Response) => headers.get('stream-next-offset') ?? '';
const flags = ({ status, headers }: Response) => ({
  status,
  upToDate: headers.get('stream-up-to-date'),
  closed: headers.get('stream-closed'),
});
const itemsIn = async (answer: Response) => (await answer.json()) as Item[];
const textOf = (items: readonly Item[]) => items.map(({ type, data }) => (type === 'text' ? data.text : '')).join('');

const followersOn = ({ api }: TestNode) => api.nest.get<Subscribers>(SUBSCRIBERS).counts.subscribers;

/** A job that has said something and goes on. */
async function open(...deltas: string[]) {
  const jobId = await submit(node);
  const writer = await harness.begin(jobId);
  await say(writer, deltas);
  return { jobId, writer };
}

async function closed(...deltas: string[]) {
  const { jobId, writer } = await open(...deltas);
  await finish(writer);
  return jobId;
}

describe('a read of what there is', () => {
  it('is an array of events, with where it ends', async () => {
    const { jobId } = await open('one', ' two');
    const answer = await fetch(url(jobId));
    expect(flags(answer)).toEqual({ status: 200, upToDate: 'true', closed: null });
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('cross-origin-resource-policy')).toBe('cross-origin');
    const items = await itemsIn(answer);
    expect(items.map(({ type }) => type)).toEqual(['accepted', 'started', 'text', 'text']);
    expect(textOf(items)).toBe('one two');
    expect(await itemsIn(await fetch(url(jobId, '?offset=-1&whatever=1')))).toEqual(items);
  });

  it('goes on from its offset, without gap or repeat', async () => {
    const { jobId, writer } = await open('one');
    const offset = offsetIn(await fetch(url(jobId)));
    expect(await itemsIn(await fetch(url(jobId, `?offset=${offset}`)))).toEqual([]);
    await say(writer, [' two']);
    const next = await fetch(url(jobId, `?offset=${offset}`));
    expect(textOf(await itemsIn(next))).toBe(' two');
    expect(offsetIn(next) > offset).toBe(true);
  });

  it('is closed at the end of the job, and only there', async () => {
    const jobId = await closed('all');
    const answer = await fetch(url(jobId));
    expect(flags(answer)).toEqual({ status: 200, upToDate: 'true', closed: 'true' });
    const atEnd = await fetch(url(jobId, `?offset=${offsetIn(answer)}`));
    expect(flags(atEnd)).toEqual({ status: 200, upToDate: 'true', closed: 'true' });
    expect(await itemsIn(atEnd)).toEqual([]);
  });

  it('of a long log comes in parts, of which the last alone is closed', async () => {
    const { jobId, writer } = await open();
    await say(
      writer,
      Array.from({ length: 40 }, (_, n) => `${n} ${'x'.repeat(8_000)}`),
    );
    await finish(writer);
    const parts: Response[] = [];
    const items: Item[] = [];
    for (let offset = '-1'; parts.at(-1)?.headers.get('stream-closed') !== 'true'; ) {
      const part = await fetch(url(jobId, `?offset=${offset}`));
      parts.push(part);
      items.push(...(await itemsIn(part)));
      offset = offsetIn(part);
    }
    expect(parts.length).toBeGreaterThan(2);
    expect(parts.slice(0, -1).map(flags)).toEqual(
      parts.slice(0, -1).map(() => ({ status: 200, upToDate: null, closed: null })),
    );
    expect(items.filter(({ type }) => type === 'text')).toHaveLength(40);
    expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
  });

  it('from now on is empty, and says where now is', async () => {
    const { jobId } = await open('one');
    const answer = await fetch(url(jobId, '?offset=now'));
    expect(flags(answer)).toEqual({ status: 200, upToDate: 'true', closed: null });
    expect(await answer.text()).toBe('[]');
    expect(answer.headers.get('cache-control')).toContain('no-store');
    expect(offsetIn(answer)).toBe(offsetIn(await fetch(url(jobId))));
    const ended = await fetch(url(await closed('all'), '?offset=now'));
    expect(flags(ended)).toEqual({ status: 200, upToDate: 'true', closed: 'true' });
  });

  it('begins anew where the offset is beyond the end, and says so', async () => {
    const { jobId } = await open('one');
    const items: Item[] = [];
    for (let offset = '0000000007_000000000000001'; ; ) {
      const part = await fetch(url(jobId, `?offset=${offset}`));
      items.push(...(await itemsIn(part)));
      offset = offsetIn(part);
      if (part.headers.has('stream-up-to-date')) break;
    }
    expect(items.map(({ type }) => type)).toEqual(['reset', 'accepted', 'started', 'text']);
  });

  it('has a tag that changes with what is there', async () => {
    const { jobId, writer } = await open('one');
    const tag = (await fetch(url(jobId))).headers.get('etag') ?? '';
    const again = () => fetch(url(jobId), { headers: { 'if-none-match': tag } });
    const same = await again();
    expect([same.status, await same.text()]).toEqual([304, '']);
    expect(offsetIn(same)).not.toBe('');
    await say(writer, [' two']);
    expect((await again()).status).toBe(200);
  });

  it('is described by HEAD', async () => {
    const { jobId, writer } = await open('one');
    const head = () => fetch(url(jobId), { method: 'HEAD' });
    const answer = await head();
    expect(flags(answer)).toMatchObject({ status: 200, closed: null });
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('cache-control')).toContain('no-store');
    expect(offsetIn(answer)).toBe(offsetIn(await fetch(url(jobId))));
    await finish(writer);
    expect(flags(await head())).toMatchObject({ status: 200, closed: 'true' });
  });
});

describe('what is refused', () => {
  it.each([
    '?offset=',
    '?offset=0,1',
    '?offset=0%201',
    '?offset=1-2',
    '?offset=-1&offset=-1',
    '?live=long-poll',
    '?live=sse',
    '?live=maybe&offset=-1',
  ])('%s', async (query) => {
    const { jobId } = await open();
    const answer = await fetch(url(jobId, query));
    expect([answer.status, answer.headers.get('x-content-type-options')]).toEqual([400, 'nosniff']);
    expect(await answer.json()).toMatchObject({ code: 'INVALID_REQUEST' });
  });

  it.each(['', '?offset=now', '?offset=-1&live=sse', '?offset=now&live=long-poll'])(
    'an unknown job: %s',
    async (query) => {
      expect((await fetch(url('no-such-job-anywhere', query))).status).toBe(404);
    },
  );

  it.each(['PUT', 'POST', 'DELETE'])('a write: %s', async (method) => {
    const { jobId } = await open();
    const answer = await fetch(url(jobId), { method });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  it('a log that has expired', async () => {
    const jobId = await closed('all');
    await harness.redis.del(harness.keys.log(refOf(jobId)));
    for (const query of ['', '?offset=-1&live=sse', '?offset=-1&live=long-poll']) {
      expect((await fetch(url(jobId, query))).status).toBe(410);
    }
  });

  it('to another origin what a conditional read sends is allowed', async () => {
    const answer = await fetch(url('any'), {
      method: 'OPTIONS',
      headers: {
        ...{ origin: 'https://page.example', 'access-control-request-method': 'GET' },
        'access-control-request-headers': 'if-none-match',
      },
    });
    expect(answer.status).toBe(204);
    expect(answer.headers.get('access-control-allow-headers')?.toLowerCase()).toContain('if-none-match');
  });
});

describe('a read that waits (long-poll)', () => {
  it('is answered at once where there is something', async () => {
    const { jobId } = await open('one');
    const answer = await fetch(url(jobId, '?offset=-1&live=long-poll'));
    expect(flags(answer)).toEqual({ status: 200, upToDate: 'true', closed: null });
    expect(answer.headers.get('stream-cursor')).toMatch(/^\d+$/);
    expect(textOf(await itemsIn(answer))).toBe('one');
  });

  it('is answered by the next event', async () => {
    const { jobId, writer } = await open('one');
    const offset = offsetIn(await fetch(url(jobId)));
    const waiting = fetch(url(jobId, `?offset=${offset}&live=long-poll`));
    await eventually(() => followersOn(node) > 0);
    await say(writer, [' two']);
    const answer = await waiting;
    expect(textOf(await itemsIn(answer))).toBe(' two');
  });

  it('is answered by the end of the job, and at once after it', async () => {
    const { jobId, writer } = await open('one');
    const offset = offsetIn(await fetch(url(jobId)));
    const waiting = fetch(url(jobId, `?offset=${offset}&live=long-poll`));
    await eventually(() => followersOn(node) > 0);
    await finish(writer);
    const answer = await waiting;
    expect(flags(answer)).toEqual({ status: 200, upToDate: 'true', closed: 'true' });
    const after = await fetch(url(jobId, `?offset=${offsetIn(answer)}&live=long-poll`));
    expect(flags(after)).toEqual({ status: 204, upToDate: 'true', closed: 'true' });
    expect(offsetIn(after)).toBe(offsetIn(answer));
  });

  it('is answered when the node stops', async () => {
    const other = await harness.node();
    const { jobId } = await open('one');
    const waiting = fetch(`${other.url}/v1/stream/${jobId}?offset=now&live=long-poll`);
    await eventually(() => followersOn(other) > 0);
    await Promise.all([other.api.drain(), waiting]);
    const answer = await waiting;
    expect(flags(answer)).toEqual({ status: 204, upToDate: 'true', closed: null });
    expect(answer.headers.get('stream-cursor')).toMatch(/^\d+$/);
  });

  it('moves a cursor on that was sent before', async () => {
    const { jobId } = await open('one');
    const read = (cursor: string) => fetch(url(jobId, `?offset=-1&live=long-poll${cursor}`));
    const first = (await read('')).headers.get('stream-cursor');
    const second = (await read(`&cursor=${first}`)).headers.get('stream-cursor');
    expect(Number(second)).toBeGreaterThan(Number(first));
  });
});

describe('a live stream (sse)', () => {
  const frames = (text: string) =>
    text
      .split('\n\n')
      .filter((block) => block.startsWith('event: '))
      .map((block) => {
        const [event = '', data = ''] = block.split('\n');
        return { event: event.slice(7), data: JSON.parse(data.slice(5)) as Record<string, unknown> };
      });

  it('gives what there is and what comes, each followed by where it ends, until the end', async () => {
    const { jobId, writer } = await open('one');
    const answer = await fetch(url(jobId, '?offset=-1&live=sse'));
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    expect(answer.headers.get('cache-control')).toContain('no-cache');
    await say(writer, [' two']);
    await finish(writer);
    const all = frames(await answer.text());
    const data = all.filter(({ event }) => event === 'data');
    for (const [index, { event }] of all.entries()) expect(event).toBe(index % 2 === 0 ? 'data' : 'control');
    expect(textOf(data.flatMap((frame) => frame.data as unknown as Item[]))).toBe('one two');
    expect(all.at(-1)?.data).toEqual({ streamNextOffset: offsetIn(await fetch(url(jobId))), streamClosed: true });
    expect(all[1]?.data).toMatchObject({ upToDate: true, streamCursor: expect.stringMatching(/^\d+$/) });
  });

  it('reads the record of its job once', async () => {
    const { jobId, writer } = await open('one');
    const reads = async () =>
      Number(/cmdstat_hmget:calls=(\d+)/.exec(await harness.redis.info('commandstats'))?.[1] ?? 0);
    // the service reads records for itself, too: now and then
    const fewest = async (query: string, end: (answer: Response) => Promise<unknown>) => {
      const counts: number[] = [];
      for (let nth = 0; nth < 3; nth += 1) {
        const before = await reads();
        const answer = await fetch(url(jobId, query));
        counts.push((await reads()) - before);
        await end(answer);
      }
      return Math.min(...counts);
    };
    const leave = async (answer: Response) => answer.body?.cancel();
    expect(await fewest('?offset=-1&live=sse', leave)).toBe(1);
    expect(await fewest('?offset=now&live=sse', leave)).toBe(1);
    await finish(writer);
    const readToEnd = async (answer: Response) => expect(await answer.text()).toContain('"streamClosed":true');
    expect(await fewest('?offset=now&live=sse', readToEnd)).toBe(1);
  });

  it('says at once where a reader is who has everything, and at the end that it is closed', async () => {
    const { jobId, writer } = await open('one');
    const answer = await fetch(url(jobId, '?offset=now&live=sse'));
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    const first = (await reader?.read())?.value ?? '';
    expect(frames(first)).toEqual([
      {
        event: 'control',
        data: { ...frames(first)[0]?.data, streamNextOffset: offsetIn(await fetch(url(jobId))), upToDate: true },
      },
    ]);
    await finish(writer);
    const last = (await reader?.read())?.value ?? '';
    expect(frames(last).at(-1)?.data).toMatchObject({ streamClosed: true });
    const after = await fetch(url(jobId, `?offset=${offsetIn(await fetch(url(jobId)))}&live=sse`));
    expect(frames(await after.text())).toEqual([
      { event: 'control', data: { streamNextOffset: offsetIn(await fetch(url(jobId))), streamClosed: true } },
    ]);
  });
});

describe("the protocol's own client", () => {
  it.each(['long-poll', 'sse'] as const)('follows a job to its end (%s)', async (live) => {
    const { jobId, writer } = await open('one');
    const reading = await stream<Item>({ url: url(jobId), offset: '-1', live });
    const items: Item[] = [];
    const ended = new Promise<void>((resolve) => {
      reading.subscribeJson(async (batch) => {
        items.push(...batch.items);
        if (batch.streamClosed) resolve();
      });
    });
    await say(writer, [' two', ' three']);
    await finish(writer);
    await ended;
    expect(textOf(items)).toBe('one two three');
    expect(items.at(-1)?.type).toBe('done');
    expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
  });

  it('reads what there is, and goes on from an offset on another node', async () => {
    const { jobId, writer } = await open('one');
    const handle = new DurableStream({ url: url(jobId), contentType: 'application/json' });
    const first = await handle.stream<Item>({ live: false });
    expect(textOf(await first.json())).toBe('one');
    await say(writer, [' two']);
    await finish(writer);
    const other = await harness.node();
    const rest = await stream<Item>({ url: `${other.url}/v1/stream/${jobId}`, offset: first.offset, live: false });
    expect(textOf(await rest.json())).toBe(' two');
    expect(rest.streamClosed).toBe(true);
  });
});
