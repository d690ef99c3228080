import { describe, expect, it } from '@jest/globals';
import type { SseReader } from '@millrace/testing';
import { System } from './system.ts';

const TOKENS = Array.from({ length: 20 }, (_, i) => `t${i} `);
const PACE_MS = 60;

/** When each token arrived, and when the model had said it, both from the first one on, milliseconds. */
async function pace(system: System, query: string): Promise<{ arrivals: number[]; stream: SseReader }> {
  system.model.answer(TOKENS, { to: query, stepMs: PACE_MS });
  const stream = await system.ask(query);
  await stream.collect();
  const tokens = stream.events.filter(({ event }) => event === 'message');
  const first = tokens[0]?.at ?? 0;
  return { arrivals: tokens.map(({ at }) => at - first), stream };
}

/** How much of the model's own time the arrivals are spread over: 1 as it was said, 0 all at once. */
function spread(arrivals: readonly number[]): number {
  return (arrivals.at(-1) ?? 0) / (PACE_MS * (TOKENS.length - 1));
}

describe('through nginx', () => {
  it('each token arrives when it was said: the gaps follow the pace of the model', async () => {
    await using system = await System.start();
    const { arrivals, stream } = await pace(system, 'unbuffered');
    expect(stream.text()).toBe(TOKENS.join(''));
    expect(arrivals).toHaveLength(TOKENS.length);
    expect(spread(arrivals)).toBeGreaterThan(0.8);
  });

  it('with buffering switched on the same check fails', async () => {
    await using system = await System.start({ bufferStreams: true });
    const { arrivals, stream } = await pace(system, 'buffered');
    expect(stream.text()).toBe(TOKENS.join(''));
    expect(spread(arrivals)).toBeLessThan(0.8);
  });

  it('a request id passes, errors keep their form, and the page and the documents are served', async () => {
    await using system = await System.start();
    const id = 'a-request-id-of-the-client';
    const bad = await fetch(`${system.url}/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': id },
      body: JSON.stringify({ query: 'x', colour: 'red' }),
    });
    expect(bad.status).toBe(400);
    expect(bad.headers.get('content-type')).toMatch('application/problem+json');
    expect(bad.headers.get('x-request-id')).toBe(id);
    expect(await bad.json()).toMatchObject({ code: 'INVALID_REQUEST', requestId: id, errors: [expect.anything()] });

    const large = await fetch(`${system.url}/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: 'x'.repeat(1_100_000) }),
    });
    expect([large.status, await large.json()]).toMatchObject([413, { code: 'PAYLOAD_TOO_LARGE' }]);

    for (const path of ['/healthz', '/readyz', '/metrics', '/openapi.json', '/docs']) {
      expect([path, (await fetch(`${system.url}${path}`)).status]).toEqual([path, 200]);
    }
  });
});
