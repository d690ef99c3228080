import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { rawRequest } from '@millrace/testing';
import { facts, idOf, SystemHarness } from './system-harness.ts';

let system: SystemHarness;
beforeAll(async () => {
  system = await SystemHarness.start();
});
afterAll(() => system[Symbol.asyncDispose]());

const TOKENS = Array.from({ length: 30 }, (_, i) => `t${i} `);

describe('resume (PROTOCOL §4)', () => {
  it('a reader cut after every single event resumes on the other node: no gap, no repeat', async () => {
    system.model.answer(TOKENS, { to: 'cut me', stepMs: 15 });
    const body = JSON.stringify({ query: 'cut me' });
    const headers = { 'content-type': 'application/json' };
    const first = await rawRequest(`${system.node(0)}/jobs`, { headers, body, cutAfter: { frames: 1 } });
    const id = String(first.headers['x-request-id']);
    const seen = framesOf(first.bytes);

    for (let node = 1; ; node++) {
      const cursor = { 'last-event-id': seen.at(-1)?.id ?? '' };
      const url = `${system.node(node)}/jobs/${id}/stream`;
      const next = await rawRequest(url, { headers: cursor, cutAfter: { frames: 1 } });
      if (next.status === 204) break;
      seen.push(...framesOf(next.bytes));
    }

    await using whole = await system.watch(id);
    await whole.collect();
    expect(seen.map((frame) => frame.id)).toEqual(whole.events.map((event) => event.id));
    expect(seen.map((frame) => frame.text).join('')).toBe(TOKENS.join(''));
  });

  it('50 watchers on both nodes see identical event sequences, as do a late one and one after the end', async () => {
    const gate = system.model.gated({ to: 'watch me' });
    await using created = await system.ask('watch me');
    const id = idOf(created);
    const watchers = await Promise.all(Array.from({ length: 50 }, (_, i) => system.watch(id, { at: system.node(i) })));
    for (const token of TOKENS.slice(0, 15)) await gate.say(token);
    await created.until(({ data }) => data.text?.includes('t14 '));
    await using late = await system.watch(id);
    for (const token of TOKENS.slice(15)) await gate.say(token);
    await gate.finish();
    await created.collect();
    await using after = await system.watch(id);
    for (const stream of [...watchers, late, after]) {
      await stream.collect();
      expect(facts(stream)).toEqual(facts(created));
    }
    expect(created.text()).toBe(TOKENS.join(''));
  });

  it('sends only what was missed, from any event', async () => {
    system.model.answer(TOKENS, { to: 'replay', stepMs: 2 });
    await using created = await system.ask('replay');
    await created.collect();
    for (const [i, event] of created.events.entries()) {
      if (i === created.events.length - 1) {
        const last = await fetch(`${system.url}/jobs/${idOf(created)}/stream?lastEventId=${event.id}`);
        expect(last.status).toBe(204);
      } else {
        await using rest = await system.watch(idOf(created), { after: event.id ?? '', at: system.node(i) });
        await rest.collect();
        expect(facts(rest)).toEqual(facts(created).slice(i + 1));
      }
    }
  });

  it.each([
    ['an unknown id', '/jobs/no-such-job-anywhere/stream', 404, 'JOB_NOT_FOUND'],
    ['a malformed cursor', '/jobs/no-such-job-anywhere/stream?lastEventId=abc', 400, 'INVALID_CURSOR'],
  ])('%s is answered as documented', async (_what, path, status, code) => {
    const answer = await fetch(`${system.url}${path}`);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toMatch('application/problem+json');
    expect(await answer.json()).toMatchObject({ code, status });
  });

  it('a cursor beyond the end of the log starts with reset and replays the log', async () => {
    system.model.answer(['short'], { to: 'beyond' });
    await using created = await system.ask('beyond');
    await created.collect();
    await using stream = await system.watch(idOf(created), { after: '9-9' });
    await stream.collect();
    expect(stream.events[0]).toMatchObject({ event: 'reset', data: { reason: 'log-lost' } });
    expect(facts(stream).slice(1)).toEqual(facts(created));
  });
});

describe('one request, sent twice (PROTOCOL §2)', () => {
  it('the same X-Request-Id or Idempotency-Key sent twice at once makes one job', async () => {
    for (const [name, value] of [
      ['x-request-id', 'a-client-made-request-id'],
      ['idempotency-key', 'a key of the client'],
    ] as const) {
      const query = `twice by ${name}`;
      const before = system.model.requests.length;
      system.model.answer(TOKENS, { to: query, stepMs: 5 });
      const streams = await Promise.all(
        [0, 1].map((i) => system.ask(query, { headers: { [name]: value }, at: system.node(i) })),
      );
      for (const stream of streams) await stream.collect();
      expect(idOf(streams[0] as never)).toBe(idOf(streams[1] as never));
      expect(facts(streams[0] as never)).toEqual(facts(streams[1] as never));
      expect(system.model.requests.length - before).toBe(1);

      const other = await fetch(`${system.url}/jobs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', [name]: value },
        body: JSON.stringify({ query: 'another body' }),
      });
      expect([other.status, ((await other.json()) as { code: string }).code]).toEqual([422, 'IDEMPOTENCY_MISMATCH']);
    }
  });
});

function framesOf(bytes: Buffer): { id: string; text: string }[] {
  const frames = bytes.toString().split('\n\n').slice(0, -1);
  return frames.map((frame) => {
    const lines = frame.split('\n');
    const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
    const said = field('event') === undefined ? (JSON.parse(field('data') ?? '') as { text: string }).text : '';
    return { id: field('id') ?? '', text: said };
  });
}
