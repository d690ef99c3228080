import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Millrace, type MillraceOptions } from './millrace.ts';
import { threadLog } from './testing/logs.ts';
import { ScriptedServer } from './testing/scripted-server.ts';
import type { ThreadEvent } from './thread.ts';

const LOG = threadLog({ 'job-of-this-test-1': ['a', 'b'], 'job-of-this-test-2': [], 'job-of-this-test-3': ['c'] });
const FIRST_JOB = LOG.findIndex(({ id }) => id.startsWith('job-of-this-test-2/'));
const threadEvent = (event: (typeof LOG)[number]) => ({ ...event, jobId: event.id.split('/')[0] });

function watch(server: ScriptedServer, lastEventId?: string, options: Partial<MillraceOptions> = {}) {
  const client = new Millrace({ baseUrl: server.url, retryMs: 1, maxRetryMs: 5, ...options });
  return client.threads.resume({ id: 'a-thread', lastEventId: lastEventId ?? null });
}

/** Reads up to the last event of the log: the stream itself does not end. */
async function readAll(stream: AsyncIterable<ThreadEvent>): Promise<ThreadEvent[]> {
  const events: ThreadEvent[] = [];
  for await (const event of stream) {
    events.push(event);
    if (event.id === LOG.at(-1)?.id) break;
  }
  return events;
}

describe('a thread that is watched', () => {
  it('gives its jobs one after the other, and names them', async () => {
    await using server = await ScriptedServer.start(LOG, { now: FIRST_JOB });
    const stream = watch(server);
    expect(await readAll(stream)).toEqual(LOG.slice(FIRST_JOB).map(threadEvent));
    expect(stream.lastEventId).toBe(LOG.at(-1)?.id);
    expect(server.seen).toMatchObject([{ method: 'GET', path: '/threads/a-thread/stream' }]);
  });

  it.each([
    ['cleanly', true],
    ['in the middle of an event', false],
  ])('and whose connection is cut after every event, %s, loses and repeats nothing', async (_how, cleanly) => {
    await using server = await ScriptedServer.start(LOG, { now: 0 });
    for (let i = 0; i < LOG.length; i += 1) server.mishaps.push({ kind: 'cut', after: 1, cleanly });
    expect(await readAll(watch(server))).toEqual(LOG.map(threadEvent));
  });

  it('loses nothing when the connection is lost before the first event', async () => {
    await using server = await ScriptedServer.start(LOG, { now: FIRST_JOB });
    server.mishaps.push(
      { kind: 'heartbeat-only' },
      { kind: 'refuse', status: 503 },
      { kind: 'cut', after: 0, cleanly: true },
    );
    expect(await readAll(watch(server))).toEqual(LOG.slice(FIRST_JOB).map(threadEvent));
    const before = LOG[FIRST_JOB - 1]?.id;
    expect(server.seen.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, before, before, before]);
  });

  it('is exact, whatever happens in between (property)', async () => {
    const mishap = fc.oneof(
      fc.record({ kind: fc.constant('cut' as const), after: fc.nat(6), cleanly: fc.boolean() }),
      fc.record({ kind: fc.constant('refuse' as const), status: fc.constantFrom(500, 502, 503, 504) }),
      fc.record({ kind: fc.constant('heartbeat-only' as const) }),
      fc.record({ kind: fc.constant('lose' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(mishap, { maxLength: 8 }), fc.nat(LOG.length - 1), async (mishaps, at) => {
        await using server = await ScriptedServer.start(LOG, { now: 0 });
        server.mishaps.push(...mishaps);
        expect(await readAll(watch(server, LOG[at - 1]?.id))).toEqual(LOG.slice(at).map(threadEvent));
      }),
      { numRuns: 60 },
    );
  });

  it('ends when the thread is gone, and is refused where there never was one', async () => {
    const gone = { kind: 'refuse', status: 404, body: { code: 'THREAD_NOT_FOUND' } } as const;
    await using server = await ScriptedServer.start(LOG, { now: 0 });
    server.mishaps.push({ kind: 'cut', after: 2, cleanly: true }, gone);
    expect(await readAll(watch(server))).toEqual(LOG.slice(0, 2).map(threadEvent));
    server.mishaps.push(gone);
    await expect(readAll(watch(server))).rejects.toMatchObject({ code: 'THREAD_NOT_FOUND' });
  });

  it('reconnects after three missing heartbeats', async () => {
    await using server = await ScriptedServer.start(LOG, { now: 0 });
    server.mishaps.push({ kind: 'hang', after: 2 });
    expect(await readAll(watch(server, undefined, { heartbeatMs: 50 }))).toEqual(LOG.map(threadEvent));
  });

  it('stops with the signal’s reason', async () => {
    await using server = await ScriptedServer.start(LOG, { now: LOG.length });
    const stop = new AbortController();
    const client = new Millrace({ baseUrl: server.url });
    const reading = readAll(client.threads.resume('a-thread').events({ signal: stop.signal }));
    stop.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
  });
});
