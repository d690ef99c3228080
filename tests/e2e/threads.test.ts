import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, type SseReader } from '@millrace/testing';
import { idOf, SystemHarness } from './system-harness.ts';

let system: SystemHarness;
beforeAll(async () => {
  system = await SystemHarness.start();
});
afterAll(() => system[Symbol.asyncDispose]());

function send(method: string, path: string, body?: object): Promise<Response> {
  return fetch(`${system.url}${path}`, {
    method,
    headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function run(body: object): Promise<SseReader> {
  const stream = await system.ask(body);
  await stream.collect();
  return stream;
}

/** The conversation, as `role content`. */
async function conversation(threadId: string): Promise<string[]> {
  const answer = await send('GET', `/threads/${threadId}/messages`);
  const { items } = (await answer.json()) as { items: { role: string; content: string }[] };
  return items.map(({ role, content }) => `${role} ${content}`);
}

async function untilIdle(threadId: string): Promise<void> {
  await eventually(async () => {
    const thread = (await (await send('GET', `/threads/${threadId}`)).json()) as { status: string };
    return thread.status === 'idle';
  });
}

describe('chat in a thread (PROTOCOL §10)', () => {
  it('remembers what was asked and said, without being told', async () => {
    system.model.answer(['Hello Ann.'], { to: 'My name is Ann.' }).answer(['Ann.'], { to: 'What is my name?' });
    await run({ threadId: 'ann', query: 'My name is Ann.' });
    await run({ threadId: 'ann', query: 'What is my name?' });
    expect(system.model.requests.at(-1)?.body.messages).toEqual([
      { role: 'user', content: 'My name is Ann.' },
      { role: 'assistant', content: 'Hello Ann.' },
      { role: 'user', content: 'What is my name?' },
    ]);
    const whole = ['user My name is Ann.', 'assistant Hello Ann.', 'user What is my name?', 'assistant Ann.'];
    expect(await conversation('ann')).toEqual(whole);

    expect((await send('POST', '/threads/ann/fork', { id: 'ann-2' })).status).toBe(201);
    expect((await send('POST', '/threads/ann/fork', { id: 'ann-2' })).status).toBe(409);
    const before = await (await send('GET', '/jobs?threadId=ann')).json();
    expect(before).toMatchObject({ items: [{ threadId: 'ann' }, { threadId: 'ann' }] });

    expect((await send('DELETE', '/threads/ann')).status).toBe(204);
    expect((await send('GET', '/threads/ann')).status).toBe(404);
    expect(await (await send('GET', '/jobs?threadId=ann')).json()).toEqual({ items: [], nextCursor: null });
    expect(await conversation('ann-2')).toEqual(whole);
  });
});

describe('a question that is asked otherwise (PROTOCOL §10)', () => {
  it('goes on in a thread that has what was before it', async () => {
    system.model
      .answer(['Hello.'], { to: 'Hi' })
      .answer(['Blue.'], { to: 'Which colour?' })
      .answer(['4.'], { to: '2+2?' });
    await run({ threadId: 'edited', query: 'Hi' });
    await run({ threadId: 'edited', query: 'Which colour?' });
    const { items } = (await (await send('GET', '/threads/edited/messages')).json()) as {
      items: { messageId: string; content: string }[];
    };
    const messageId = items.find(({ content }) => content === 'Which colour?')?.messageId;
    expect((await send('POST', '/threads/edited/fork', { id: 'edited-2', before: { messageId } })).status).toBe(201);
    await run({ threadId: 'edited-2', query: '2+2?' });
    expect(await conversation('edited-2')).toEqual(['user Hi', 'assistant Hello.', 'user 2+2?', 'assistant 4.']);
    expect((await conversation('edited')).at(-1)).toBe('assistant Blue.');
  });
});

describe('a second message to a thread whose job runs (docs/threads.md)', () => {
  /** Lets a job say half of its answer, sends a second message, and ends the first where it goes on. */
  async function interfere(onBusy: string, goesOn: boolean) {
    const gate = system.model.gated({ to: `first ${onBusy}` });
    system.model.answer(['Second.'], { to: 'second' });
    const threadId = `busy-${onBusy}`;
    await using first = await system.askUntilText({ threadId, query: `first ${onBusy}` }, gate, 'Half');
    const answer = await send('POST', '/jobs', { threadId, query: 'second', onBusy });
    if (goesOn) await gate.finish();
    await first.collect();
    await untilIdle(threadId);
    return { answer, end: first.terminal(), said: await conversation(threadId), first: await system.job(idOf(first)) };
  }

  it('is refused with reject', async () => {
    const { answer, end, said } = await interfere('reject', true);
    expect([answer.status, await answer.json()]).toMatchObject([409, { code: 'THREAD_BUSY' }]);
    expect(end?.event).toBe('done');
    expect(said).toEqual(['user first reject', 'assistant Half']);
  });

  it('waits its turn with enqueue', async () => {
    const { answer, end, said } = await interfere('enqueue', true);
    expect([answer.status, end?.event]).toEqual([202, 'done']);
    expect(said).toEqual(['user first enqueue', 'assistant Half', 'user second', 'assistant Second.']);
  });

  it('cancels the job and keeps what it said with interrupt', async () => {
    const { answer, end, said } = await interfere('interrupt', false);
    expect([answer.status, end]).toMatchObject([202, { event: 'cancelled', data: { by: 'thread' } }]);
    expect(said).toEqual(['user first interrupt', 'assistant Half', 'user second', 'assistant Second.']);
  });

  it('undoes the job with rollback, which can still be looked at', async () => {
    const { answer, end, said, first } = await interfere('rollback', false);
    expect([answer.status, end]).toMatchObject([202, { event: 'cancelled', data: { by: 'thread' } }]);
    expect(said).toEqual(['user second', 'assistant Second.']);
    expect(first).toMatchObject({ status: 'cancelled', text: 'Half' });
  });

  it('never makes two jobs run, whoever sends at the same moment through either node', async () => {
    system.model.answer(['ok'], { to: 'at once' });
    const body = { threadId: 'crowd', query: 'at once' };
    const streams = await Promise.all(Array.from({ length: 12 }, (_, i) => system.ask(body, { at: system.node(i) })));
    await Promise.all(streams.map((stream) => stream.collect()));
    expect(streams.map((stream) => stream.text())).toEqual(streams.map(() => 'ok'));
    // each request was sent what all jobs before it had left
    const lengths = system.model.requests
      .filter(({ prompt }) => prompt === 'at once')
      .map(({ body: asked }) => asked.messages?.length);
    expect(lengths).toEqual(streams.map((_, i) => 2 * i + 1));
  });
});
