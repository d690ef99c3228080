import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { ApiHarness, finish, submit, type TestNode } from '../testing/api-harness.ts';

let harness: ApiHarness;
beforeAll(async () => {
  harness = await ApiHarness.start();
});
afterAll(() => harness[Symbol.asyncDispose]());

const kill = (node: TestNode, id: string) =>
  fetch(`${node.url}/demonstration/jobs/${id}/kill-worker`, { method: 'POST' });

const said = (node: TestNode) => node.log.filter(({ msg }) => msg === 'kill the worker');

it('asks npm start for the death of the worker of a job that runs, and says so to the page', async () => {
  const node = await harness.node({ MILLRACE_DEMONSTRATION: 'kill-worker' });
  const id = await submit(node);
  // its worker may have another job
  expect((await kill(node, id)).status).toBe(202);
  expect(said(node)).toEqual([]);
  const writer = await harness.begin(id);
  const killed = await kill(node, id);
  expect([killed.status, killed.headers.get('millrace-demonstration')]).toEqual([202, 'kill-worker']);
  expect(said(node)).toEqual([expect.objectContaining({ level: 'info', requestId: id, tenant: 'default' })]);
  await finish(writer);
  expect((await kill(node, id)).status).toBe(202);
  expect((await kill(node, 'no-such-job')).status).toBe(404);
  expect(said(node)).toHaveLength(1);
});

it('does not exist unless it is asked for', async () => {
  const node = await harness.node();
  const id = await submit(node);
  await harness.begin(id);
  const refused = await kill(node, id);
  expect([refused.status, refused.headers.get('millrace-demonstration')]).toEqual([404, null]);
  expect(said(node)).toEqual([]);
});
