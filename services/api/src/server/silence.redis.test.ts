import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiHarness, post, refOf, submit, type TestNode } from '../testing/api-harness.ts';

const SECRET = 'what-nobody-else-may-read';

let harness: ApiHarness;
let node: TestNode;

beforeAll(async () => {
  harness = await ApiHarness.start();
  node = await harness.node();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const BODIES = [
  SECRET,
  `"${SECRET}"`,
  `{"query":"${SECRET}"`,
  `{"query":"${SECRET}",}`,
  `{"query":["${SECRET}"]}`,
  `{"query":"x","onCrash":"${SECRET}"}`,
  `{"query":"x","temperature":"${SECRET}"}`,
  `{"query":"x","pipeline":"${SECRET}"}`,
  `{"query":"x","model":"${SECRET}"}`,
  `{"query":"x","metadata":{"a":["${SECRET}"]}}`,
  `{"query":"x","metadata":{"__proto__":"${SECRET}"}}`,
  `{"messages":[{"role":"${SECRET}","content":"${SECRET}"}]}`,
  `{"messages":[{"role":"user","content":{"${SECRET}":0}}]}`,
  `{"query":"${SECRET}","messages":[]}`,
];

describe('what a caller sends', () => {
  it.each(BODIES)('is in no refusal and in no line of the log: %s', async (body) => {
    const answer = await post(node, body);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(await answer.text()).not.toContain(SECRET);
    expect(JSON.stringify(node.log)).not.toContain(SECRET);
  });

  it('is in no line of the log after an unexpected error', async () => {
    const id = await submit(node);
    // a parser quotes the first words of what it reads
    await harness.redis.hset(harness.keys.record(refOf(id)), 'metadata', 'hush\n at hush');
    const answer = await fetch(`${node.url}/jobs/${id}`);
    expect([answer.status, await answer.text()]).toEqual([500, expect.not.stringContaining('hush')]);
    const [line] = node.log.filter(({ msg }) => msg === 'failed');
    expect(line).toMatchObject({ level: 'error', requestId: id, code: 'INTERNAL' });
    expect(JSON.stringify(line)).toMatch(/SyntaxError.*at .*record\.ts/);
    expect(JSON.stringify(node.log)).not.toContain('hush');
  });
});
