import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@millrace/testing';
import { ApiHarness, type TestNode } from '../testing/api-harness.ts';

const ALICE = 'the-secret-of-alice';
const BOB = 'the-secret-of-bob--';

let harness: ApiHarness;
let node: TestNode;

beforeAll(async () => {
  const keys = `alice:user:${ALICE},bob:user:${BOB}`;
  harness = await ApiHarness.start({ MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: keys });
  node = await harness.node();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });
const own = (secret: string) => ({ 'x-api-key': secret });

const statusOf = async (headers: Record<string, string>) => (await fetch(`${node.url}/jobs`, { headers })).status;

describe('a key', () => {
  it.each<[string, Record<string, string>, number]>([
    ['as Authorization: Bearer', bearer(ALICE), 200],
    ['as x-api-key', own(ALICE), 200],
    ['as both', { ...bearer(ALICE), ...own(ALICE) }, 200],
    ['not at all', {}, 401],
    ['of another as well', { ...bearer(ALICE), ...own(BOB) }, 401],
    ['beside a wrong one', { ...bearer(ALICE), ...own('wrong') }, 401],
    ['beside an empty one', { ...bearer(ALICE), ...own('') }, 401],
    ['beside another scheme', { authorization: 'Basic eDp5', ...own(ALICE) }, 401],
    ['twice in one header', own(`${ALICE}, ${ALICE}`), 401],
    ['with Bearer before it in x-api-key', own(`Bearer ${ALICE}`), 401],
  ])('is sent %s', async (_, headers, status) => {
    expect(await statusOf(headers)).toBe(status);
  });

  it('as x-api-key is known before a body is read', async () => {
    const answer = await fetch(`${node.url}/jobs`, {
      method: 'POST',
      headers: { ...own(ALICE), 'content-type': 'application/json', accept: 'application/json' },
      body: '{"query":"x"}',
    });
    expect(answer.status).toBe(202);
    const { id } = (await answer.json()) as { id: string };
    expect((await fetch(`${node.url}/jobs/${id}`, { headers: bearer(ALICE) })).status).toBe(200);
    expect((await fetch(`${node.url}/jobs/${id}`, { headers: own(BOB) })).status).toBe(404);
  });
});

describe('wrong keys', () => {
  it('are counted, and logged without their text, one line per second at most', async () => {
    const fresh = await harness.node();
    const lines = () => fresh.log.filter(({ msg }) => msg === 'wrong keys');
    const began = performance.now();
    const guesses = Array.from({ length: 30 }, (_, index) => `a-wrong-guess-number-${index}`);
    for (const guess of guesses) {
      const wrong = { method: 'DELETE', headers: { ...bearer(guess), 'x-forwarded-for': '203.0.113.7' } };
      expect((await fetch(`${fresh.url}/jobs`, wrong)).status).toBe(401);
    }
    const seconds = (performance.now() - began) / 1_000;
    expect(await failures('wrong', fresh)).toBe(30);
    await eventually(() => sum(lines()) === 30);
    expect(lines().length).toBeLessThanOrEqual(seconds + 2);
    expect(lines()[0]).toMatchObject({ level: 'warn', client: '203.0.113.7', count: 1 });
    expect(JSON.stringify(fresh.log)).not.toContain('guess');
  });

  it('differ from missing ones, which are counted but not logged', async () => {
    const [countedBefore, wrongBefore] = [await failures('missing'), await failures('wrong')];
    expect(await statusOf({})).toBe(401);
    expect([await failures('missing'), await failures('wrong')]).toEqual([countedBefore + 1, wrongBefore]);
  });
});

function sum(entries: readonly Record<string, unknown>[]): number {
  return entries.reduce((total, { count }) => total + Number(count), 0);
}

async function failures(reason: string, at = node): Promise<number> {
  const text = await (await fetch(`${at.url}/metrics`)).text();
  return Number(new RegExp(`^millrace_auth_failures_total{reason="${reason}".*} (\\d+)`, 'm').exec(text)?.[1] ?? 0);
}
