import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JobRef, StreamEvent } from '@millrace/contracts';
import { startRedis, type TestRedis } from '@millrace/testing';
import type { AttemptWriter } from '../attempt/attempt-writer.ts';
import { LogLost } from '../errors.ts';
import { DONE, LogHarness, say } from '../testing/log-harness.ts';
import { keptEvents } from './kept-events.ts';
import { saidBy } from './said.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const CALL: StreamEvent = { type: 'tool_call', data: { callId: 'c1', name: 'look', arguments: '{}' } };

async function said(d: LogHarness, ref: JobRef) {
  const outline = await d.reader.outline(ref);
  if (outline === null) throw new Error('no such job');
  return saidBy(d.reader, outline);
}

describe('what a job has said', () => {
  it('is nothing before it has said something', async () => {
    await using d = LogHarness.single(server.url);
    const ref = await d.job();
    expect(await said(d, ref)).toEqual([]);
    await d.canceller.cancel(ref, 'owner');
    expect(await said(d, ref)).toEqual([]);
  });

  it.each<[string, (d: LogHarness, ref: JobRef, writer: AttemptWriter) => Promise<unknown>]>([
    ['done', (_d, _ref, writer) => writer.done(DONE)],
    ['a failure', (_d, _ref, writer) => writer.fail({ code: 'MODEL_ERROR', message: 'no', retryable: false })],
    ['a cancel', (d, ref) => d.canceller.cancel(ref, 'thread')],
    ['nothing yet', (_d, _ref, writer) => writer.flush()],
    [
      'a cancel of the released job',
      (d, ref, writer) => writer.release('handover').then(() => d.canceller.cancel(ref, 'owner')),
    ],
  ])('is all that is in its log after %s, without reasoning', async (_end, end) => {
    await using d = LogHarness.single(server.url);
    const ref = await d.job();
    const writer = await d.begin(ref);
    writer.emit({ type: 'reasoning', data: { text: 'hm' } });
    say(writer, 'a "ca');
    say(writer, 't"');
    writer.emit(CALL);
    await writer.flush();
    await end(d, ref, writer);
    expect(await said(d, ref)).toEqual([{ role: 'assistant', content: 'a "cat"', toolCalls: [CALL.data] }]);
  });

  it('is only what the last attempt said', async () => {
    await using d = LogHarness.single(server.url);
    const ref = await d.job();
    const first = await d.begin(ref);
    say(first, 'half');
    await first.flush();
    const second = await d.begin(ref);
    expect(await said(d, ref)).toEqual([]);
    say(second, 'whole');
    await second.done(DONE);
    expect(await said(d, ref)).toEqual([{ role: 'assistant', content: 'whole' }]);
  });

  it('is unknown once the log is gone', async () => {
    await using d = LogHarness.single(server.url);
    const ref = await d.job();
    const writer = await d.begin(ref);
    say(writer, 'gone');
    await writer.done(DONE);
    await d.redis.del(d.keys.log(ref));
    expect(await said(d, ref)).toBeNull();
  });
});

describe('the events that an attempt keeps', () => {
  async function kept(d: LogHarness, ref: JobRef, attempt: number, seq: number): Promise<StreamEvent[]> {
    const all: StreamEvent[] = [];
    for await (const events of keptEvents(d.reader, { ref, attempt, seq })) all.push(...events);
    return all;
  }

  it('are those of the pipeline, up to the place', async () => {
    await using d = LogHarness.single(server.url);
    const ref = await d.job();
    const writer = await d.begin(ref);
    say(writer, 'kept');
    writer.emit(CALL);
    await writer.flush();
    const { storedSeq } = writer;
    say(writer, ' lost');
    await writer.flush();
    await d.begin(ref);
    expect(await kept(d, ref, 1, storedSeq)).toEqual([{ type: 'text', data: { text: 'kept' } }, CALL]);
    expect(await kept(d, ref, 1, 1)).toEqual([]);
    expect(await kept(d, ref, 1, 0)).toEqual([]);
  });

  it('are read page by page', async () => {
    await using d = LogHarness.single(server.url);
    const ref = await d.job();
    const writer = await d.begin(ref);
    const text = 'x'.repeat(300_000);
    say(writer, text);
    await writer.flush();
    const pages: number[] = [];
    for await (const events of keptEvents(d.reader, { ref, attempt: 1, seq: writer.storedSeq })) {
      pages.push(JSON.stringify(events).length);
    }
    expect(pages.length).toBeGreaterThan(2);
    expect(Math.max(...pages)).toBeLessThan(200_000);
  });

  it('are lost together when one of them is', async () => {
    await using d = LogHarness.single(server.url);
    const ref = await d.job();
    const writer = await d.begin(ref);
    writer.emit(CALL);
    writer.emit(CALL);
    await writer.flush();
    await d.redis.xdel(d.keys.log(ref), '1-2');
    await expect(kept(d, ref, 1, writer.storedSeq)).rejects.toThrow(LogLost);
    await expect(kept(d, ref, 1, 9)).rejects.toThrow(LogLost);
    await d.redis.del(d.keys.log(ref));
    await expect(kept(d, ref, 1, 1)).rejects.toThrow(LogLost);
    await d.begin(ref);
    await expect(kept(d, ref, 1, 1)).rejects.toThrow(LogLost);
  });
});
