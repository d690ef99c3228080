import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { textOf } from './answer.ts';
import { MillraceError } from './errors.ts';
import type { JobEvent } from './job-event.ts';
import { Millrace, type MillraceOptions } from './millrace.ts';
import type { JobReference } from './plain-job.ts';
import { resetLog, wholeLog } from './testing/logs.ts';
import { ScriptedServer } from './testing/scripted-server.ts';

const JOB = 'job-of-this-test-1';

function clientOf(server: ScriptedServer, options: Partial<MillraceOptions> = {}): Millrace {
  return new Millrace({ baseUrl: server.url, retryMs: 1, maxRetryMs: 5, ...options });
}

async function collect(events: AsyncIterable<JobEvent>): Promise<JobEvent[]> {
  const all: JobEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

async function failure(work: Promise<unknown>): Promise<MillraceError> {
  const error = await work.then(
    () => new Error('nothing was thrown'),
    (reason: unknown) => reason,
  );
  if (error instanceof MillraceError) return error;
  throw error;
}

describe('a stream that is cut', () => {
  const log = wholeLog(['The', ' sky\n\n', 'data: ', '\r', '\u2028', '😀'.slice(0, 1), '😀'.slice(1)]);

  it.each([
    ['cleanly', true],
    ['in the middle of an event', false],
  ])('after every single event, %s, loses and repeats nothing', async (_how, cleanly) => {
    await using server = await ScriptedServer.start(log);
    for (let i = 0; i < log.length; i += 1) server.mishaps.push({ kind: 'cut', after: 1, cleanly });
    const stream = await clientOf(server).jobs.create({ query: 'why?' });
    expect(await collect(stream)).toEqual(log);
    expect(server.resumes.map(({ headers }) => headers['last-event-id'])).toEqual(
      log.slice(0, -1).map((event) => event.id),
    );
    expect(server.jobs.size).toBe(1);
    expect(stream.lastEventId).toBe(log.at(-1)?.id);
  });

  it('before its first event is read from the beginning', async () => {
    await using server = await ScriptedServer.start(log);
    server.mishaps.push({ kind: 'cut', after: 0, cleanly: false }, { kind: 'cut', after: 0, cleanly: true });
    expect(await collect(await clientOf(server).jobs.create({ query: 'why?' }))).toEqual(log);
  });

  it('resumes after 502, 503 and 504 on its way back', async () => {
    await using server = await ScriptedServer.start(log);
    server.mishaps.push(
      { kind: 'cut', after: 3, cleanly: false },
      { kind: 'refuse', status: 502, headers: { 'content-type': 'text/html' } },
      { kind: 'refuse', status: 503, headers: { 'retry-after': '0' }, body: { code: 'UNAVAILABLE' } },
      { kind: 'refuse', status: 504 },
    );
    expect(await collect(await clientOf(server).jobs.create({ query: 'why?' }))).toEqual(log);
  });

  it('waits for as long as Retry-After says', async () => {
    await using server = await ScriptedServer.start(log);
    server.mishaps.push(
      { kind: 'cut', after: 3, cleanly: true },
      { kind: 'refuse', status: 503, headers: { 'retry-after': '0.05' } },
    );
    const delays: number[] = [];
    const stream = clientOf(server).jobs.resume(JOB, { onReconnect: ({ delayMs }) => delays.push(delayMs) });
    expect(await collect(stream)).toEqual(log);
    expect(delays[1]).toBeGreaterThanOrEqual(50);
  });

  it('waits for room after 429 on its way back: the readers of a dead node move to the others', async () => {
    await using server = await ScriptedServer.start(log);
    const full = { kind: 'refuse', status: 429, headers: { 'retry-after': '0.01' } } as const;
    server.mishaps.push({ kind: 'cut', after: 3, cleanly: true }, full, full);
    const stream = await clientOf(server).jobs.create({ query: 'why?' });
    expect(await collect(stream)).toEqual(log);
    expect(server.resumes).toHaveLength(3);
  });

  it('reports 429 at once if it has not begun', async () => {
    await using server = await ScriptedServer.start(log);
    server.mishaps.push({
      kind: 'refuse',
      status: 429,
      headers: { 'retry-after': '7' },
      body: { code: 'RATE_LIMITED' },
    });
    const reading = collect(clientOf(server).jobs.resume(JOB));
    expect(await failure(reading)).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 7000 });
  });

  it('is exact, whatever happens in between (property)', async () => {
    const mishap = fc.oneof(
      fc.record({ kind: fc.constant('cut' as const), after: fc.nat(4), cleanly: fc.boolean() }),
      fc.record({ kind: fc.constant('refuse' as const), status: fc.constantFrom(500, 502, 503, 504) }),
      fc.record({ kind: fc.constant('heartbeat-only' as const) }),
      fc.record({ kind: fc.constant('lose' as const) }),
    );
    const texts = fc.array(fc.string({ unit: 'binary', maxLength: 5 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(texts, fc.array(mishap, { maxLength: 8 }), async (deltas, mishaps) => {
        await using server = await ScriptedServer.start(wholeLog(deltas));
        server.mishaps.push(...mishaps);
        const stream = await clientOf(server).jobs.create({ query: 'why?' });
        expect(await collect(stream)).toEqual(wholeLog(deltas));
        expect(server.jobs).toEqual(new Set([stream.id]));
      }),
      { numRuns: 60 },
    );
  });

  it('gives up after repeated cuts without a heartbeat, with the last cause', async () => {
    await using server = await ScriptedServer.start(log);
    for (let i = 0; i < 9; i += 1) server.mishaps.push({ kind: 'refuse', status: 503, body: { code: 'UNAVAILABLE' } });
    const reading = collect(clientOf(server, { maxFailures: 3 }).jobs.resume(JOB));
    expect(await failure(reading)).toMatchObject({ code: 'UNAVAILABLE', status: 503 });
    expect(server.seen).toHaveLength(4);
  });

  it('never gives up while heartbeats come', async () => {
    await using server = await ScriptedServer.start(log);
    for (let i = 0; i < 9; i += 1) server.mishaps.push({ kind: 'heartbeat-only' });
    expect(await collect(clientOf(server, { maxFailures: 3 }).jobs.resume(JOB))).toEqual(log);
  });

  it('reconnects after three missing heartbeats', async () => {
    await using server = await ScriptedServer.start(log);
    server.mishaps.push({ kind: 'hang', after: 2 });
    expect(await collect(clientOf(server, { heartbeatMs: 50 }).jobs.resume(JOB))).toEqual(log);
    expect(server.resumes.length).toBeGreaterThan(1);
  });

  it('waits for as long as the server asks', async () => {
    await using server = await ScriptedServer.start(log, { retryMs: 40 });
    server.mishaps.push({ kind: 'cut', after: 1, cleanly: true });
    const delays: number[] = [];
    const stream = clientOf(server, { maxRetryMs: 1000 }).jobs.resume(JOB, {
      onReconnect: ({ delayMs }) => delays.push(delayMs),
    });
    await collect(stream);
    expect(delays).toHaveLength(1);
    expect(delays[0]).toBeLessThanOrEqual(40);
  });
});

describe('an answer', () => {
  it('is the exact text', async () => {
    await using server = await ScriptedServer.start(wholeLog(['a\n\n', 'data: b', '\0']));
    expect(await (await clientOf(server).jobs.create({ query: 'why?' })).answer()).toBe('a\n\ndata: b\0');
  });

  it('starts again at a reset, even one between two connections', async () => {
    await using server = await ScriptedServer.start(resetLog('void', ['good', ' answer']));
    server.mishaps.push({ kind: 'cut', after: 3, cleanly: true }, { kind: 'cut', after: 1, cleanly: true });
    const client = clientOf(server);
    expect(await (await client.jobs.create({ query: 'why?' })).answer()).toBe('good answer');
    const pieces: string[] = [];
    const onRestart = () => pieces.push('RESTART');
    for await (const text of client.jobs.resume(JOB).text({ onRestart })) pieces.push(text);
    expect(pieces).toEqual(['void', 'RESTART', 'good', ' answer']);
  });

  it('is said once where a new attempt says the same, without onRestart', async () => {
    await using server = await ScriptedServer.start(resetLog('The sky', ['The', ' sky is', ' blue']));
    const pieces: string[] = [];
    for await (const text of clientOf(server).jobs.resume(JOB).text()) pieces.push(text);
    expect(pieces).toEqual(['The sky', ' is', ' blue']);
  });

  it.each([
    ['differs', ['The sea']],
    ['ends earlier', ['The']],
  ])('fails where a new attempt %s and the text cannot be taken back', async (_how, deltas) => {
    await using server = await ScriptedServer.start(resetLog('The sky', deltas));
    const pieces: string[] = [];
    const reading = (async () => {
      for await (const text of clientOf(server).jobs.resume(JOB).text()) pieces.push(text);
    })();
    expect(await failure(reading)).toMatchObject({ name: 'AnswerChanged', code: 'ANSWER_CHANGED' });
    expect(pieces).toEqual(['The sky']);
  });

  it('that is resumed midway cannot compare: a reset is an error without onRestart', async () => {
    await using server = await ScriptedServer.start(resetLog('The sky', ['The sky']));
    const reading = async () => {
      for await (const text of clientOf(server).jobs.resume({ id: JOB, lastEventId: '1-2' }).text())
        expect(text).toBe('');
    };
    expect(await failure(reading())).toMatchObject({ name: 'AnswerChanged' });
  });

  it('comes as messages, whole after a reset, too', async () => {
    await using server = await ScriptedServer.start(resetLog('void', ['good', ' answer']));
    const texts: string[] = [];
    for await (const messages of clientOf(server).jobs.resume(JOB).messages()) texts.push(textOf(messages));
    expect(texts).toEqual(['void', '', 'good', 'good answer', 'good answer']);
  });

  it('goes on after a reload with what toJSON gave', async () => {
    const log = wholeLog(['a', 'b', 'c']);
    await using server = await ScriptedServer.start(log);
    const job = await clientOf(server).jobs.create({ query: 'why?' });
    for await (const event of job) if (event.id === '1-3') break;
    const stored = JSON.parse(JSON.stringify(job)) as JobReference;
    expect(stored).toEqual({ id: job.id, lastEventId: '1-3' });
    expect(await collect(clientOf(server).jobs.resume(stored))).toEqual(log.slice(4));
  });

  it('does not double text that a proxy or server repeats', async () => {
    const frames = [1, 2, 1, 2, 3].map((seq) => `id: 1-${seq}\ndata: {"text":"${seq}"}\n\n`).join('');
    const body = `${frames}id: 1-4\nevent: cancelled\ndata: {"by":"owner"}\n\n`;
    await using server = await ScriptedServer.start(wholeLog([]));
    server.mishaps.push({ kind: 'raw', contentType: 'text/event-stream', body });
    const ids = (await collect(clientOf(server).jobs.resume(JOB))).map(({ id }) => id);
    expect(ids).toEqual(['1-1', '1-2', '1-3', '1-4']);
  });

  it('throws its code when it fails; read as events, the failure is an event', async () => {
    const failed: JobEvent = {
      id: '1-9',
      type: 'error',
      data: { code: 'MODEL_TIMEOUT', message: 'the model took too long', retryable: true },
    };
    const log = [...wholeLog(['a']).slice(0, -1), failed];
    await using server = await ScriptedServer.start(log);
    const stream = await clientOf(server).jobs.create({ query: 'why?' });
    expect(await failure(stream.answer())).toMatchObject({
      name: 'JobFailed',
      code: 'MODEL_TIMEOUT',
      retryable: true,
      requestId: stream.id,
    });
    expect(await collect(stream)).toEqual(log);
  });

  it('throws CANCELLED when it is cancelled', async () => {
    const log: JobEvent[] = [...wholeLog(['a']).slice(0, -1), { id: '1-9', type: 'cancelled', data: { by: 'admin' } }];
    await using server = await ScriptedServer.start(log);
    expect(await failure(clientOf(server).jobs.resume(JOB).answer())).toMatchObject({
      name: 'JobCancelled',
      code: 'CANCELLED',
      by: 'admin',
    });
  });
});

describe('watching', () => {
  const log = wholeLog(['a', 'b', 'c']);

  it('gives the whole stream to each of two concurrent loops', async () => {
    await using server = await ScriptedServer.start(log);
    for (let i = 0; i < 2 * log.length; i += 1) server.mishaps.push({ kind: 'cut', after: 1, cleanly: true });
    const stream = await clientOf(server).jobs.create({ query: 'why?' });
    expect(await Promise.all([collect(stream), collect(stream)])).toEqual([log, log]);
  });

  it('starts after the given event', async () => {
    await using server = await ScriptedServer.start(log);
    expect(await collect(clientOf(server).jobs.resume({ id: JOB, lastEventId: '1-2' }))).toEqual(log.slice(3));
  });

  it('ends at once after the terminal event', async () => {
    await using server = await ScriptedServer.start(log);
    expect(await collect(clientOf(server).jobs.resume({ id: JOB, lastEventId: log.at(-1)?.id ?? null }))).toEqual([]);
  });

  it('stops with the signal’s reason, and cancels nothing', async () => {
    await using server = await ScriptedServer.start(log);
    server.mishaps.push({ kind: 'hang', after: 2 });
    const stop = new AbortController();
    const stream = await clientOf(server).jobs.create({ query: 'why?' }, { signal: stop.signal });
    const seen: JobEvent[] = [];
    const reading = (async () => {
      for await (const event of stream) if (seen.push(event) === 2) stop.abort(new Error('enough'));
    })();
    await expect(reading).rejects.toThrow('enough');
    expect(seen).toEqual(log.slice(0, 2));
    expect(server.seen.map(({ method }) => method)).toEqual(['POST']);
  });

  it('stops while it waits to reconnect', async () => {
    await using server = await ScriptedServer.start(log, { retryMs: 60_000 });
    server.mishaps.push({ kind: 'cut', after: 1, cleanly: true });
    const stop = new AbortController();
    const stream = clientOf(server, { maxRetryMs: 60_000 }).jobs.resume(JOB, {
      signal: stop.signal,
      onReconnect: () => queueMicrotask(() => stop.abort(new Error('enough'))),
    });
    await expect(collect(stream)).rejects.toThrow('enough');
  });

  it('ignores events of a newer server', async () => {
    const frames = 'id: 1-1\nevent: weather\ndata: {}\n\nid: 1-2\nevent: cancelled\ndata: {"by":"owner"}\n\n';
    await using server = await ScriptedServer.start(log);
    server.mishaps.push({ kind: 'raw', contentType: 'text/event-stream', body: frames });
    expect(await collect(clientOf(server).jobs.resume(JOB))).toEqual([
      { id: '1-2', type: 'cancelled', data: { by: 'owner' } },
    ]);
  });

  it.each([
    ['text/html', '<p>Sign in to the network</p>'],
    ['text/event-stream', 'id: 1-1\ndata: no JSON\n\n'],
  ])('refuses %s that is not a stream of events', async (contentType, body) => {
    await using server = await ScriptedServer.start(log);
    server.mishaps.push({ kind: 'raw', contentType, body });
    expect(await failure(collect(clientOf(server).jobs.resume(JOB)))).toMatchObject({ code: 'BAD_ANSWER' });
  });
});
