import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, type TestRedis } from '@millrace/testing';
import { ThreadHarness } from './testing/thread-harness.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
}, 60_000);
afterAll(() => server.stop());

describe('the order of a thread’s jobs (law 17)', () => {
  it('gives the turn to one job at a time, in the order of entry', async () => {
    await using d = ThreadHarness.single(server.url);
    const ref = d.newRef();
    expect(await d.enter(ref, 'a')).toBe('run');
    expect(await d.enter(ref, 'b')).toBe('wait');
    expect(await d.enter(ref, 'c')).toBe('wait');
    expect([await d.enter(ref, 'a'), await d.enter(ref, 'b')]).toEqual(['run', 'wait']);
    expect([await d.claim(ref, 'a'), await d.claim(ref, 'b')]).toEqual(['claimed', 'not-active']);
    expect(await d.leave(ref, 'a')).toBe('left, then b');
    expect(await d.leave(ref, 'a')).toBe('over, then b');
    expect(await d.enter(ref, 'a')).toBe('over');
    expect(await d.claim(ref, 'b')).toBe('claimed');
    expect(await d.leave(ref, 'a')).toBe('over');
    expect(await d.leave(ref, 'b')).toBe('left, then c');
    expect(await d.leave(ref, 'c')).toBe('left');
    expect(await d.threads.get(ref)).toMatchObject({ status: 'idle', activeJob: null, lastJob: 'c', turn: 3 });
  });
});
