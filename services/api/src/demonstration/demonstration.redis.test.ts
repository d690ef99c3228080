import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { ApiHarness, post, type TestNode } from '../testing/api-harness.ts';

const KEYS = {
  MILLRACE_AUTH: 'apikey',
  MILLRACE_API_KEYS: 'acme:user:a-key-of-acme-users,other:user:a-key-of-other-users',
};

let harness: ApiHarness;
beforeAll(async () => {
  harness = await ApiHarness.start(KEYS);
});
afterAll(() => harness[Symbol.asyncDispose]());

const kill = (node: TestNode, id: string, key: string) =>
  fetch(`${node.url}/demonstration/jobs/${id}/kill-worker`, { method: 'POST', headers: { 'x-api-key': key } });

async function jobOfAcme(node: TestNode): Promise<string> {
  const made = await post(node, { query: 'Why?' }, { 'x-api-key': 'a-key-of-acme-users', accept: 'application/json' });
  return made.headers.get('x-request-id') ?? '';
}

it('asks npm start for the death of the worker of a job of one’s own, and says so to the page', async () => {
  const node = await harness.node({ MILLRACE_DEMONSTRATION: 'kill-worker' });
  const id = await jobOfAcme(node);
  const killed = await kill(node, id, 'a-key-of-acme-users');
  expect([killed.status, killed.headers.get('millrace-demonstration')]).toEqual([202, 'kill-worker']);
  expect(node.log).toContainEqual(
    expect.objectContaining({ msg: 'kill the worker', level: 'info', requestId: id, tenant: 'acme' }),
  );

  const said = node.log.length;
  expect((await kill(node, id, 'a-key-of-other-users')).status).toBe(404);
  expect((await kill(node, id, 'no-key-at-all-here')).status).toBe(401);
  expect(node.log.slice(said).filter(({ msg }) => msg === 'kill the worker')).toEqual([]);
});

it('does not exist unless it is asked for', async () => {
  const node = await harness.node();
  const refused = await kill(node, await jobOfAcme(node), 'a-key-of-acme-users');
  expect([refused.status, refused.headers.get('millrace-demonstration')]).toEqual([404, null]);
  expect(node.log.filter(({ msg }) => msg === 'kill the worker')).toEqual([]);
});
