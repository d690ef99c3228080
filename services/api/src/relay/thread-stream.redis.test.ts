import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readSse, type SseEvent } from '@millrace/testing';
import { ApiHarness, finish, say, submit, type TestNode } from '../testing/api-harness.ts';
import { TestThread } from '../testing/test-thread.ts';

let harness: ApiHarness;
let node: TestNode;
let other: TestNode;

beforeAll(async () => {
  harness = await ApiHarness.start();
  node = await harness.node();
  other = await harness.node();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const thread = () => new TestThread(harness).create();
const idsOf = (events: readonly SseEvent[]) => events.map(({ id }) => id);
const isEndOf = (jobId: string) => (event: SseEvent) =>
  event.event === 'done' && event.id?.startsWith(`${jobId}/`) === true;

/** Runs a job of a thread from beginning to end. @returns its id */
async function turn(of: TestThread, deltas: readonly string[]): Promise<string> {
  const id = await submit(node);
  await of.activate(id);
  await harness.answer(id, deltas);
  await of.leave();
  return id;
}

describe('GET /threads/:id/stream (PROTOCOL §10)', () => {
  it('gives two devices on two nodes the same, job after job', async () => {
    const of = await thread();
    await using a = await readSse(of.streamOf(node));
    await using b = await readSse(of.streamOf(other));
    const jobs = [await turn(of, ['a', 'b']), await turn(of, ['c']), await turn(of, [])];
    const last = jobs[2] ?? '';
    await Promise.all([a, b].map((device) => device.until(isEndOf(last))));
    expect(idsOf(a.events)).toEqual(idsOf(b.events));
    const jobsSeen = a.events.map(({ id }) => id?.split('/')[0]);
    expect([...new Set(jobsSeen)]).toEqual(jobs);
    expect(a.events.filter(({ event }) => event === 'accepted')).toHaveLength(3);
    expect(a.text()).toBe('abc');
    expect(a.terminal()).toBeDefined();
  });

  it('resumes on another node after every event over three jobs, without gap or repeat', async () => {
    const of = await thread();
    await using whole = await readSse(of.streamOf(node));
    const jobs = [await turn(of, ['a', 'b']), await turn(of, ['c'])];
    const running = await submit(node);
    await of.activate(running);
    const writer = await harness.begin(running);
    await say(writer, ['d']);
    await whole.until(({ data }) => data.text === 'd');
    const before = idsOf(whole.events);
    const readers = await Promise.all(
      before.map((cursor) => readSse(of.streamOf(other), { headers: { 'last-event-id': cursor ?? '' } })),
    );
    await say(writer, ['e']);
    await finish(writer);
    const end = await whole.until(isEndOf(running));
    const all = idsOf(whole.events);
    expect(all.at(-1)).toBe(end.id);
    for (const [index, reader] of readers.entries()) {
      await reader.until(isEndOf(running));
      expect(idsOf(reader.events)).toEqual(all.slice(index + 1));
      await reader.close();
    }
    expect(jobs).toHaveLength(2);
  });

  it('begins with the whole of the job that runs', async () => {
    const of = await thread();
    await turn(of, ['before']);
    const running = await submit(node);
    await of.activate(running);
    const writer = await harness.begin(running);
    await say(writer, ['a']);
    await using late = await readSse(of.streamOf(other));
    await late.take(3);
    expect(idsOf(late.events)).toEqual([`${running}/0-1`, `${running}/1-1`, `${running}/1-2`]);
  });
});
