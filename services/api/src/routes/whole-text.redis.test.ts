import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JobReader } from '@millrace/stream-log';
import { eventually, rawRequest } from '@millrace/testing';
import fc from 'fast-check';
import { ApiHarness, finish, post, refOf, say, submit, type TestNode } from '../testing/api-harness.ts';
import { TestThread } from '../testing/test-thread.ts';
import { JOB_READER } from '../tokens.ts';

let harness: ApiHarness;
let node: TestNode;

beforeAll(async () => {
  harness = await ApiHarness.start({ MILLRACE_MAX_LOG_BYTES: String(64 * 1024 * 1024) });
  node = await harness.node();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const pathOf = (id: string) => `${node.url}/jobs/${id}`;

/** more than the kernel keeps for a connection, in pages of 64 KiB */
const LONG = Array.from({ length: 480 }, (_, index) => `${index} ${'x'.repeat(30 * 1024)}`);

/** A job that has said so much, and goes on. */
async function jobThatSaid(deltas: readonly string[]) {
  const id = await submit(node);
  const writer = await harness.begin(id);
  for (const text of deltas) writer.emit({ type: 'text', data: { text } });
  await writer.flush();
  return { id, writer };
}

/** An answer of which nothing is read until the test does. */
async function askUnread(url: string, method = 'GET'): Promise<IncomingMessage> {
  const asked = httpRequest(url, { method, agent: false });
  asked.on('error', () => undefined); // some are broken off
  asked.end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  return answer.pause();
}

/** The body as far as it comes. @returns null when it is broken off */
async function bodyOf(answer: IncomingMessage): Promise<string | null> {
  try {
    return Buffer.concat(await answer.toArray()).toString();
  } catch {
    return null;
  }
}

const jsonOf = async (answer: Response) => (await answer.json()) as Record<string, unknown>;

describe('the text of GET /jobs/:id (PROTOCOL §5)', () => {
  it('is exact over many pages, whatever the text (property)', async () => {
    const halves = fc.constantFrom('\ud83d', '\ude00', '😀', '"', '\\', '\n', '\u0000', '\u2028', 'é', '{"text":"');
    const delta = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(halves).map((parts) => parts.join('')),
      fc.constantFrom('y'.repeat(40_000), '\ud83d'.repeat(30_000)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(delta, { maxLength: 30 }), async (deltas) => {
        const { id, writer } = await jobThatSaid(deltas);
        await finish(writer);
        const job = await jsonOf(await fetch(pathOf(id)));
        expect(job['text']).toBe(deltas.join(''));
        expect(job).toMatchObject({
          id,
          status: 'completed',
          lastEventId: (await harness.reader.outline(refOf(id)))?.lastEventId,
        });
      }),
      { numRuns: 40 },
    );
  });

  it('ends with the event that the record names, while the job goes on', async () => {
    const { id, writer } = await jobThatSaid(LONG);
    const answer = await askUnread(pathOf(id));
    await say(writer, ['later']);
    const job = JSON.parse((await bodyOf(answer)) ?? '') as { text: string; lastEventId: string };
    expect(job.text).toBe(LONG.join(''));
    expect(job.lastEventId).not.toBe((await harness.reader.outline(refOf(id)))?.lastEventId);
  });

  it('is that of the current attempt', async () => {
    const { id } = await jobThatSaid(['lost']);
    await harness.answer(id, ['found', ' again']);
    expect(await jsonOf(await fetch(pathOf(id)))).toMatchObject({ attempt: 2, text: 'found again' });
  });

  it('is empty before the first token, and null when the log has expired', async () => {
    const id = await submit(node);
    expect(await jsonOf(await fetch(pathOf(id)))).toMatchObject({ status: 'queued', text: '' });
    const writer = await harness.begin(id);
    expect(await jsonOf(await fetch(pathOf(id)))).toMatchObject({ status: 'active', text: '' });
    await finish(writer);
    await harness.redis.del(harness.keys.log(refOf(id)));
    expect(await jsonOf(await fetch(pathOf(id)))).toMatchObject({ status: 'completed', text: null });
  });

  it('is read at the reader’s pace: no page before the reader took the earlier ones', async () => {
    const { id, writer } = await jobThatSaid(LONG);
    await finish(writer);
    const reader = node.api.nest.get<JobReader>(JOB_READER);
    let pages = 0;
    const page = reader.page.bind(reader);
    reader.page = (...args) => {
      pages += 1;
      return page(...args);
    };
    const answer = await askUnread(pathOf(id));
    // another answer that is read: by then this one would be, too, if anything but its reader held it back
    await bodyOf(await askUnread(pathOf(id)));
    const pagesOfOne = LONG.join('').length / 65_536;
    expect(pages).toBeLessThan(1.9 * pagesOfOne);
    expect(JSON.parse((await bodyOf(answer)) ?? '')).toMatchObject({ text: LONG.join('') });
    reader.page = page;
  });

  it('is broken off, never silently cut short, when the log vanishes midway', async () => {
    const { id, writer } = await jobThatSaid(LONG);
    await finish(writer);
    const answer = await askUnread(pathOf(id));
    await harness.redis.del(harness.keys.log(refOf(id)));
    expect(await bodyOf(answer)).toBeNull();
    expect(node.log).toContainEqual(expect.objectContaining({ requestId: id, msg: 'text broken off' }));
  });

  it('is the same in the answers to DELETE and to Prefer: wait', async () => {
    const { id } = await jobThatSaid(LONG);
    const cancelled = await fetch(`${pathOf(id)}?include=text`, { method: 'DELETE' });
    expect(await jsonOf(cancelled)).toMatchObject({ status: 'cancelled', text: LONG.join('') });

    const chosen = 'a-job-that-is-waited-for';
    const wait = { accept: 'application/json', prefer: 'wait=60', 'x-request-id': chosen };
    const waited = post(node, { query: 'x' }, wait);
    await eventually(async () => (await harness.reader.outline(refOf(chosen))) !== null);
    await harness.answer(chosen, LONG);
    expect((await waited).status).toBe(200);
    expect(await jsonOf(await waited)).toMatchObject({ status: 'completed', text: LONG.join('') });
  });

  it('is left out unless it is asked for', async () => {
    const { id } = await jobThatSaid(['a']);
    expect(await jsonOf(await fetch(`${pathOf(id)}?include=`))).not.toHaveProperty('text');
    expect(await jsonOf(await fetch(`${pathOf(id)}?include=text`))).toMatchObject({ text: 'a' });
    expect(await jsonOf(await fetch(pathOf(id), { method: 'DELETE' }))).not.toHaveProperty('text');
    for (const odd of ['include=messages2', 'include=text,x', 'include=text&include=text']) {
      const refused = await fetch(`${pathOf(id)}?${odd}`);
      expect(refused.status).toBe(400);
      const problem = await jsonOf(refused);
      expect(problem['code']).toBe('INVALID_REQUEST');
      expect(JSON.stringify(problem['errors'])).toContain('/include');
    }
  });
});

describe('the messages of GET /jobs/:id (PROTOCOL §5)', () => {
  const messagesOf = async (id: string, include = 'messages') =>
    (await jsonOf(await fetch(`${pathOf(id)}?include=${include}`))) as { messages?: unknown; text?: unknown };

  it('are there where they are asked for, with or without the text', async () => {
    const { id, writer } = await jobThatSaid(['I look']);
    writer.emit({ type: 'tool_call', data: { callId: 'c1', name: 'look', arguments: '{"at":"it"}' } });
    writer.emit({ type: 'tool_result', data: { callId: 'c1', name: 'look', content: 'a cat', isError: false } });
    writer.emit({ type: 'message_start', data: { messageId: 'm1' } });
    writer.emit({ type: 'text', data: { messageId: 'm1', text: 'It is a cat.' } });
    await finish(writer);
    const messages = [
      { role: 'assistant', content: 'I look', toolCalls: [{ callId: 'c1', name: 'look', arguments: '{"at":"it"}' }] },
      { role: 'tool', toolCallId: 'c1', name: 'look', content: 'a cat' },
      { role: 'assistant', messageId: 'm1', content: 'It is a cat.' },
    ];
    expect(await messagesOf(id)).toMatchObject({ status: 'completed', messages });
    expect(await messagesOf(id)).not.toHaveProperty('text');
    expect(await messagesOf(id, 'messages,text')).toMatchObject({ text: 'I lookIt is a cat.', messages });
    expect(await jsonOf(await fetch(pathOf(id)))).not.toHaveProperty('messages');
  });

  it('are none before a word was said, and null when the log has expired', async () => {
    const id = await submit(node);
    expect((await messagesOf(id)).messages).toEqual([]);
    await harness.answer(id, ['a']);
    await harness.redis.del(harness.keys.log(refOf(id)));
    expect(await messagesOf(id, 'text,messages')).toMatchObject({ text: null, messages: null });
  });

  it('are exact over many pages, those of the present attempt alone', async () => {
    const { id } = await jobThatSaid(['lost']);
    await harness.answer(id, LONG);
    const content = LONG.join('');
    expect(await messagesOf(id, 'text,messages')).toMatchObject({
      text: content,
      messages: [{ role: 'assistant', content }],
    });
  });
});

describe('long texts of one tenant (PROTOCOL §7)', () => {
  it('are eight at a time; the next one waits until one has ended', async () => {
    const { id, writer } = await jobThatSaid(LONG);
    await finish(writer);
    const unread = await Promise.all(Array.from({ length: 8 }, () => askUnread(pathOf(id))));
    const ninth = fetch(pathOf(id));
    // what is short does not wait
    const short = await jobThatSaid(['short']);
    expect(await jsonOf(await fetch(pathOf(short.id)))).toMatchObject({ text: 'short' });
    unread[0]?.destroy();
    expect(await jsonOf(await ninth)).toMatchObject({ text: LONG.join('') });
    for (const answer of unread) answer.destroy();
  });

  it('are left out of answers to repeated cancels that nobody reads; the cancel is answered', async () => {
    const { id } = await jobThatSaid(LONG);
    const path = `${pathOf(id)}?include=text`;
    const unread = await Promise.all(Array.from({ length: 16 }, () => askUnread(path, 'DELETE')));
    const short = await jsonOf(await fetch(path, { method: 'DELETE' }));
    expect(short).toMatchObject({ id, status: 'cancelled' });
    expect(short).not.toHaveProperty('text');
    const other = await jobThatSaid(LONG);
    const cancelled = await jsonOf(await fetch(`${pathOf(other.id)}?include=text`, { method: 'DELETE' }));
    expect(cancelled).toMatchObject({ status: 'cancelled' });
    for (const answer of unread) answer.destroy();
    const whole = () => fetch(path, { method: 'DELETE' }).then(jsonOf);
    await eventually(async () => (await whole())['text'] === LONG.join(''));
  });

  it('are refused with 429 when none ends in time, and keep no permit', async () => {
    // another one when the test is tried again
    const id = crypto.randomUUID();
    const postAgain = () => post(node, { query: 'x' }, { accept: 'application/json', 'x-request-id': id });
    expect((await postAgain()).status).toBe(202);
    await harness.answer(id, LONG);
    const unread = await Promise.all(Array.from({ length: 8 }, () => askUnread(pathOf(id))));
    const refused = await rawRequest(pathOf(id));
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '5']);
    expect(refused.headers['ratelimit-policy']).toBe('"longTexts";q=8;qu="concurrent-requests"');
    expect(JSON.parse(refused.bytes.toString())).toMatchObject({ code: 'RATE_LIMITED' });
    // to send the same POST again is to look
    expect((await postAgain()).status).toBe(429);
    // what has been done is answered
    const running = await jobThatSaid(LONG);
    const cancelled = await fetch(`${pathOf(running.id)}?include=text`, { method: 'DELETE' });
    expect(await jsonOf(cancelled)).toMatchObject({ status: 'cancelled', text: LONG.join('') });
    for (const answer of unread) answer.destroy();
    // read to its end: an answer that nobody reads keeps its permit
    await eventually(async () => (await rawRequest(pathOf(id))).status === 200);
  });

  it.each(['state', 'messages', 'history'])(
    'share their permits with the %s of a large thread, not of a short one',
    async (part) => {
      const [large, short] = [await new TestThread(harness).create(), await new TestThread(harness).create()];
      const partOf = ({ id }: TestThread) => rawRequest(`${node.url}/threads/${id}/${part}`);
      await large.enter('a-job');
      await large.threads.claim({ ref: large.ref, jobId: 'a-job', attempt: 1, leaseToken: 'token' }, [
        { role: 'user', content: 'x'.repeat(100_000) },
      ]);
      await large.leave('a-job');
      const { id, writer } = await jobThatSaid(LONG);
      await finish(writer);
      const unread = await Promise.all(Array.from({ length: 8 }, () => askUnread(pathOf(id))));
      expect((await partOf(short)).status).toBe(200);
      expect((await partOf(large)).status).toBe(429);
      for (const answer of unread) answer.destroy();
      await eventually(async () => (await partOf(large)).status === 200);
    },
  );
});
