import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Millrace, type ThreadEvent } from '@millrace/client';
import { readSse, type SseEvent } from '@millrace/testing';
import { SystemHarness } from './system-harness.ts';

let system: SystemHarness;
beforeEach(async () => {
  system = await SystemHarness.start();
});
afterEach(() => system[Symbol.asyncDispose]());

const THREAD = 'a-conversation';
const streamOf = (at: string) => `${at}/threads/${THREAD}/stream`;
const isEndOf = (jobId: string) => (event: SseEvent) => event.event === 'done' && event.id?.startsWith(jobId) === true;

async function makeThread(): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${system.url}/threads`, { method: 'POST', headers, body: `{"id":"${THREAD}"}` });
  expect(answer.status).toBe(201);
}

/** Sends a message to the thread. @returns the id of its job */
async function send(query: string, at = system.url): Promise<string> {
  const headers = { 'content-type': 'application/json', accept: 'application/json' };
  const body = JSON.stringify({ query, threadId: THREAD });
  const answer = await fetch(`${at}/jobs`, { method: 'POST', headers, body });
  expect(answer.status).toBe(202);
  return ((await answer.json()) as { id: string }).id;
}

/** Reads up to the end of a job: the stream itself does not end. */
async function readUntilEndOf(stream: AsyncIterable<ThreadEvent>, lastJob: Promise<string>): Promise<ThreadEvent[]> {
  const events: ThreadEvent[] = [];
  for await (const event of stream) {
    events.push(event);
    if (event.type === 'done' && event.jobId === (await lastJob)) break;
  }
  return events;
}

describe('a thread that several devices watch through nginx', () => {
  it('is the same for all, token by token, with its waiting jobs in the order in which they were sent', async () => {
    await makeThread();
    await using phone = await readSse(streamOf(system.url));
    await using laptop = await readSse(streamOf(system.node(1)));
    const gate = system.model.gated({ to: 'first' });
    const first = await send('first');
    const [second, third] = [await send('second'), await send('third')];
    await gate.say('word ');
    // unbuffered: it comes before the answer ends
    await phone.until(({ data }) => data.text === 'word ');
    expect(phone.events.every(({ id }) => id?.startsWith(first))).toBe(true);
    await gate.finish();
    await Promise.all([phone, laptop].map((device) => device.until(isEndOf(third))));
    expect(phone.events.map(({ id, data }) => [id, data])).toEqual(laptop.events.map(({ id, data }) => [id, data]));
    expect([...new Set(phone.events.map(({ id }) => id?.split('/')[0]))]).toEqual([first, second, third]);
  });

  it('goes on for the SDK when a node is killed and another restarted, and ends when the thread is deleted', async () => {
    await makeThread();
    const client = new Millrace({ baseUrl: system.url, retryMs: 10 });
    const last = Promise.withResolvers<string>();
    const reading = Promise.all([1, 2, 3].map(() => readUntilEndOf(client.threads.resume(THREAD), last.promise)));
    const gate = system.model.gated({ to: 'first' });
    const first = await send('first');
    await gate.say('before ');
    await system.apis[0]?.kill();
    await gate.say('after');
    await gate.finish();
    const second = await send('second', system.node(1));
    const [, survivor] = system.apis;
    if (survivor !== undefined) await system.restart(survivor);
    const third = await send('third', system.node(1)); // nginx takes a moment to find it again
    last.resolve(third);
    const whole: string[] = [];
    for (const id of [first, second, third]) {
      await using stream = await system.watch(id, { at: system.node(1) });
      whole.push(...(await stream.collect()).map((event) => `${id}/${event.id}`));
    }
    for (const events of await reading) expect(events.map(({ id }) => id)).toEqual(whole);

    await using idle = await readSse(streamOf(system.node(1)), { headers: { 'last-event-id': whole.at(-1) ?? '' } });
    const deleted = await fetch(`${system.node(1)}/threads/${THREAD}`, { method: 'DELETE' });
    expect(deleted.status).toBe(204);
    expect(await idle.ended).toBe('clean');
    expect(idle.events).toEqual([]);
  });
});
