import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { jobRef } from '@millrace/contracts';
import type { FairQueue, JobEraser } from '@millrace/stream-log';
import { eventually } from '@millrace/testing';
import { ApiHarness, submit, type TestNode } from '../testing/api-harness.ts';
import { FAIR_QUEUE, JOB_ERASER } from '../tokens.ts';
import { AuditLog } from './audit-log.ts';
import { LASTING } from './caller.ts';
import { ROLE_PERMISSIONS } from './permissions.ts';

const ADMIN = { 'x-api-key': 'the-secret-of-the-admin' };
const ACME = { 'x-api-key': 'the-secret-of-acme' };
const GLOBEX = { 'x-api-key': 'the-secret-of-globex' };

let harness: ApiHarness;
let node: TestNode;
beforeAll(async () => {
  harness = await ApiHarness.start({
    MILLRACE_AUTH: 'apikey',
    MILLRACE_API_KEYS:
      'root:admin:the-secret-of-the-admin,acme:user:the-secret-of-acme,globex:user:the-secret-of-globex',
  });
  node = await harness.node();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const trail = async () => (await harness.redis.lrange(harness.keys.auditTrail, 0, -1)).join('\n');

/** A job whose content was revealed for a reason, which is in the trail. It has ended, unless it is in a thread. */
async function revealed(
  headers: Record<string, string>,
  id: string,
  body: { threadId?: string } = {},
): Promise<string> {
  const tenant = headers === ACME ? 'acme' : 'globex';
  await submit(node, { ...headers, 'x-request-id': id }, { query: 'x', ...body });
  if (body.threadId === undefined) await harness.answer(id, ['x'], tenant);
  const reason = `because of ${crypto.randomUUID()}`;
  const answer = await fetch(`${node.url}/console/jobs/${id}/content?tenant=${tenant}`, {
    method: 'POST',
    headers: { ...ADMIN, 'content-type': 'application/json' },
    body: JSON.stringify({ reason }),
  });
  expect(answer.status).toBe(200);
  await eventually(async () => (await trail()).includes(reason));
  return reason;
}

const erase = async (path: string, headers: Record<string, string> = ADMIN) =>
  (await fetch(`${node.url}${path}`, { method: 'DELETE', headers })).status;

it('of an erased job neither reason nor id stay in Redis, and in the audit log both do', async () => {
  const [erased, kept] = [await revealed(ACME, 'words-of-the-client'), await revealed(ACME, 'another-job-of-acme')];
  expect(await erase('/jobs/words-of-the-client/data?tenant=acme')).toBe(204);
  expect(await trail()).not.toContain(erased);
  expect(await trail()).not.toContain('words-of-the-client');
  expect(await trail()).toContain(kept);
  const told = node.log.filter(({ action }) => action === 'job.reveal').map((line) => line['details']);
  expect(told).toContainEqual({ reason: erased });
});

it('an erased response is in the audit log, and a line of the copy that nobody can read stops nothing', async () => {
  const id = 'a-response-of-acme';
  await submit(node, { ...ACME, 'x-request-id': id }, { query: 'x' });
  await harness.answer(id, ['x'], 'acme');
  await harness.redis.lpush(harness.keys.auditTrail, 'no JSON');
  expect(await erase(`/v1/responses/${id}`, ACME)).toBe(200);
  expect(node.log).toContainEqual(expect.objectContaining({ action: 'job.erase', tenant: 'acme', target: id }));
  expect(await trail()).not.toContain('no JSON');
});

it('of a thread that is deleted nothing that names its jobs stays in Redis', async () => {
  const thread = 'a-thread';
  const reason = await revealed(ACME, 'job-of-the-thread', { threadId: thread });
  expect(await erase(`/threads/${thread}`, ACME)).toBe(204);
  expect(await trail()).not.toContain(reason);
  expect(await trail()).not.toContain('job-of-the-thread');
});

it('of an erased tenant nothing stays in Redis, and of others all does', async () => {
  const [erased, gone, kept] = [
    await revealed(ACME, 'first-job-of-acme'),
    await revealed(ACME, 'expired-job-of-acme'),
    await revealed(GLOBEX, 'the-job-of-globex'),
  ];
  // a record that has expired leaves no job to erase
  await harness.redis.del(harness.keys.record(jobRef('acme', 'expired-job-of-acme')));
  expect(await erase('/tenants/acme/data')).toBe(204);
  for (const word of [erased, gone, 'first-job-of-acme', 'expired-job-of-acme', '"tenant":"acme"']) {
    expect(await trail()).not.toContain(word);
  }
  expect(await trail()).toContain(kept);
});

it('who erases a tenant is in the audit log also if that fails half-way', async () => {
  await harness.redis.set(harness.keys.jobsOf('initech'), 'no list of jobs');
  expect(await erase('/tenants/initech/data')).toBeGreaterThanOrEqual(500);
  expect(node.log).toContainEqual(expect.objectContaining({ action: 'tenant.erase', target: 'initech' }));
});

const ROOT = {
  ...{ tenant: 'root', role: 'admin', subject: null, scope: null },
  ...{ permissions: ROLE_PERMISSIONS.admin, credential: LASTING },
} as const;

/** Writes down the cancel of a job of acme, as a node that was slow to do so. */
function noteCancel(id: string): void {
  const audit = node.api.nest.get(AuditLog);
  audit.record(ROOT, { action: 'job.cancel', tenant: 'acme', target: id, threadId: null });
}

it('a line that comes while its job is erased, or later, does not stay in Redis', async () => {
  const id = 'erased-meanwhile-of-acme';
  await revealed(ACME, id);
  const eraser = node.api.nest.get<JobEraser>(JOB_ERASER);
  const { eraseEnded } = eraser;
  let meanwhile = false;
  eraser.eraseEnded = async (ref) => {
    noteCancel(id);
    meanwhile = await eventually(async () => (await trail()).includes(id));
    return eraseEnded.call(eraser, ref);
  };
  try {
    expect(await erase(`/jobs/${id}/data?tenant=acme`)).toBe(204);
  } finally {
    eraser.eraseEnded = eraseEnded;
  }
  expect(meanwhile).toBe(true);
  expect(await trail()).not.toContain(id);

  noteCancel(id);
  // what is written down after it is there
  const reason = await revealed(ACME, 'another-later-job');
  expect(await trail()).toContain(reason);
  expect(await trail()).not.toContain(id);
});

it('of a thread that is deleted nothing stays of a job that had expired before', async () => {
  const threadId = 'an-old-thread';
  const reason = await revealed(ACME, 'an-old-job-of-acme', { threadId });
  const ref = jobRef('acme', 'an-old-job-of-acme');
  expect(await erase('/jobs/an-old-job-of-acme', ACME)).toBe(200);
  await harness.redis.del(harness.keys.record(ref));
  await node.api.nest.get<FairQueue>(FAIR_QUEUE).dropAdmission(ref, threadId);
  expect(await trail()).toContain(reason);
  expect(await erase(`/threads/${threadId}`, ACME)).toBe(204);
  expect(await trail()).not.toContain(reason);
});

it('lines stay in Redis for a week', async () => {
  const { auditTrail } = harness.keys;
  const line = (days: number) =>
    JSON.stringify({ at: new Date(Date.now() - days * 86_400_000).toISOString(), action: 'queue.pause', days });
  const [young, ...old] = [line(6.9), line(7.1), line(100)] as const;
  await harness.redis.rpush(auditTrail, young, ...old);
  await harness.node({ MILLRACE_SWEEP_MS: '100' });
  await eventually(async () => (await harness.redis.lindex(auditTrail, -1)) === young);
});
