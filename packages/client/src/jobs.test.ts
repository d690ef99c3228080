import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createConversation } from './conversation/index.ts';
import { LimitReached, Unavailable } from './errors.ts';
import { Millrace, type MillraceOptions } from './millrace.ts';
import { newRequestId, ownRequestId } from './request-id.ts';
import { wholeLog } from './testing/logs.ts';
import { type Mishap, ScriptedServer } from './testing/scripted-server.ts';

const LOG = wholeLog(['hi']);
const QUESTION = { query: 'why?' };

/** One of several Redis refuses; nothing is stored. */
const refusal = (status: number, otherIds: readonly string[]): Mishap => ({
  ...{ kind: 'refuse', status, headers: { 'retry-after': '0' } },
  body: { code: status === 429 ? 'RATE_LIMITED' : 'UNAVAILABLE', otherIds },
});
const unclear: Mishap = { kind: 'refuse', status: 503, headers: { 'retry-after': '0' }, body: { code: 'UNAVAILABLE' } };

const jobsOf = (server: ScriptedServer, options: Partial<MillraceOptions> = {}) =>
  new Millrace({ baseUrl: server.url, retryMs: 1, maxRetryMs: 5, ...options }).jobs;

const idsOf = (server: ScriptedServer) =>
  server.seen.filter(({ method }) => method === 'POST').map(({ headers }) => headers['x-request-id']);

describe('a POST that one of several Redis refuses', () => {
  it.each([429, 503])(
    'with %i is sent at once with the ids that the server offers, one after the other',
    async (status) => {
      await using server = await ScriptedServer.start(LOG);
      const [first, second] = [newRequestId(), newRequestId()];
      server.mishaps.push(refusal(status, [first, second]), refusal(status, [newRequestId()]));
      const pauses: number[] = [];
      const job = await jobsOf(server, { retryMs: 60_000 }).create(QUESTION, {
        onReconnect: ({ delayMs }) => pauses.push(delayMs),
      });
      expect(idsOf(server).slice(1)).toEqual([first, second]);
      expect([job.id, await job.answer(), pauses]).toEqual([second, 'hi', []]);
    },
  );

  it('is repeated after a pause once all ids have been tried, with further ones', async () => {
    await using server = await ScriptedServer.start(LOG);
    const [first, second] = [newRequestId(), newRequestId()];
    server.mishaps.push(refusal(503, [first]), refusal(503, ['not-this-one-yet']), refusal(503, [second]));
    const pauses: number[] = [];
    const job = await jobsOf(server).create(QUESTION, { onReconnect: ({ delayMs }) => pauses.push(delayMs) });
    expect(idsOf(server).slice(1)).toEqual([first, first, second]);
    expect([job.id, pauses.length]).toEqual([second, 1]);
  });

  it('gives up: on a limit once all ids have been tried, otherwise after as many pauses as always', async () => {
    await using server = await ScriptedServer.start(LOG);
    server.mishaps.push(refusal(429, [newRequestId()]), refusal(429, [newRequestId()]));
    await expect(jobsOf(server).create(QUESTION)).rejects.toBeInstanceOf(LimitReached);
    expect(server.seen).toHaveLength(2);
    server.mishaps.push(...Array.from({ length: 20 }, () => refusal(503, [newRequestId()])));
    await expect(jobsOf(server, { maxFailures: 2 }).create(QUESTION)).rejects.toBeInstanceOf(Unavailable);
    expect(server.seen).toHaveLength(2 + 3 * 2);
  });

  it('keeps the id that its caller chose', async () => {
    await using server = await ScriptedServer.start(LOG);
    server.mishaps.push(refusal(503, [newRequestId()]));
    const job = await jobsOf(server).create(QUESTION, { requestId: 'an-id-of-the-caller' });
    expect([job.id, ...idsOf(server)]).toEqual(Array(3).fill('an-id-of-the-caller'));
    server.mishaps.push(refusal(429, [newRequestId()]));
    const again = jobsOf(server).create(QUESTION, { requestId: 'an-id-of-the-caller' });
    await expect(again).rejects.toMatchObject({ status: 429, otherIds: [expect.any(String)] });
  });

  it('keeps its id from the first try on that may have made a job, whatever comes later (property)', async () => {
    const offer = fc
      .record({ status: fc.constantFrom(429, 503), count: fc.integer({ min: 1, max: 3 }) })
      .map(({ status, count }) => refusal(status, Array.from({ length: count }, newRequestId)));
    const lost = fc.constantFrom<Mishap>({ kind: 'lose' }, unclear);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(offer, lost), { maxLength: 8 }), async (mishaps) => {
        await using server = await ScriptedServer.start(LOG);
        server.mishaps.push(...mishaps);
        const id = ownRequestId();
        const jobs = jobsOf(server);
        // as a person who tries again does
        for (let tries = 0; ; tries += 1) {
          const made = await jobs.create(QUESTION, { requestId: id }).catch((error: unknown) => error);
          if (!(made instanceof LimitReached)) break;
          expect(tries).toBeLessThan(10);
        }
        const mayExistFrom = mishaps.findIndex((mishap) => mishap === unclear || mishap.kind === 'lose');
        const kept = idsOf(server).slice(mayExistFrom === -1 ? -1 : mayExistFrom);
        expect(new Set(kept)).toEqual(new Set([id.value]));
        expect(server.jobs).toEqual(new Set([id.value]));
      }),
      { numRuns: 100 },
    );
  });

  it('of a conversation is sent with another id, too, also when a person tries again', async () => {
    await using server = await ScriptedServer.start(LOG);
    const [first, second] = [newRequestId(), newRequestId()];
    server.mishaps.push(refusal(429, [first]), refusal(429, [second]));
    const millrace = new Millrace({ baseUrl: server.url, retryMs: 1, maxRetryMs: 5 });
    const conversation = createConversation(millrace, { titleOf: () => '' });
    expect(await conversation.send('why?')).toBe(false);
    const [message] = conversation.getSnapshot().messages;
    server.mishaps.push(refusal(429, [second]), {
      kind: 'raw',
      contentType: 'application/json',
      body: `{"id":"${second}"}`,
    });
    await conversation.retry(message?.id ?? '');
    expect(idsOf(server).slice(1)).toEqual([first, first, second]);
  });
});
