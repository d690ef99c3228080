import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newRequestId } from '@millrace/contracts';
import { eventually } from '@millrace/testing';
import { ServiceCalls } from './service-calls.ts';
import { ShardedSystem } from './sharded-system.ts';

const PATIENT = { timeoutMs: 60_000 };
const SETTINGS = {
  MILLRACE_LOG_RETENTION_SECONDS: '1',
  MILLRACE_RECORD_RETENTION_SECONDS: '1',
  MILLRACE_SWEEP_MS: '500',
  MILLRACE_ENCRYPTION_KEYS: `first:${randomBytes(32).toString('base64')}`,
};

describe('two shards with one archive', () => {
  let parts: AsyncDisposableStack;
  let sharded: ShardedSystem;
  let calls: ServiceCalls;
  beforeAll(async () => {
    parts = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'millrace-archive-'));
    parts.defer(() => rm(folder, { recursive: true, force: true }));
    const env = { ...SETTINGS, MILLRACE_ARCHIVE: pathToFileURL(folder).href };
    sharded = parts.use(await ShardedSystem.start({ env }));
    calls = new ServiceCalls(sharded.system, '');
  });
  afterAll(() => parts?.disposeAsync());

  /** Asks under an id, and waits until the answer has left Redis. */
  async function archived(id: string, threadId?: string): Promise<string> {
    const headers = { prefer: 'wait=60', 'x-request-id': id };
    const answer = await calls.send('POST', '/jobs', { query: 'hi', threadId }, headers);
    expect([answer.status, await answer.json()]).toEqual([200, expect.objectContaining({ id })]);
    await eventually(async () => (await sharded.placesOfJob(id)).length === 0, PATIENT);
    return id;
  }

  async function answers(id: string): Promise<string[]> {
    const paths = [`/jobs/${id}`, `/jobs/${id}/stream`, `/v1/responses/${id}`];
    const nodes = sharded.system.apis.map(({ url }) => url);
    const asked = nodes.flatMap((node) => paths.map((path) => fetch(`${node}${path}`)));
    return Promise.all(asked.map(async (answer) => `${(await answer).status} ${await (await answer).text()}`));
  }

  const listed = async () => (await calls.listed('/jobs?', 2)).map(({ id }) => id);

  it('have ended jobs answered from it on every node, and listed once', async () => {
    const ids = [newRequestId(0), newRequestId(1), 'an-id-of-the-caller', 'another-id-of-the-caller'];
    for (const id of ids) {
      await archived(id);
      for (const answer of await answers(id)) expect(answer).toMatch(/^200/);
    }
    expect(await listed()).toEqual(ids.toReversed());
  });

  it('have them erased', async () => {
    const ids = [
      await archived(newRequestId(0)),
      await archived(newRequestId(1)),
      await archived('an-id-to-be-erased'),
    ];
    for (const id of ids) {
      expect((await calls.send('DELETE', `/jobs/${id}/data`)).status).toBe(204);
      for (const answer of await answers(id)) expect(answer).toMatch(/^404/);
    }
    expect((await listed()).filter((id) => ids.includes(id))).toEqual([]);
  });

  it('have a thread erased with its jobs of both', async () => {
    const ids = [await archived(newRequestId(0), 'gone'), await archived(newRequestId(1), 'gone')];
    expect((await calls.send('DELETE', '/threads/gone')).status).toBe(204);
    for (const id of ids) {
      for (const answer of await answers(id)) expect(answer).toMatch(/^404/);
    }
  });

  it('have what is in it answered or put off, never denied, while one of them is away', async () => {
    const [home, other] = [await archived(newRequestId(0)), await archived(newRequestId(1))];
    await sharded.servers[1]?.kill();
    for (const answer of await answers(home)) expect(answer).toMatch(/^200/);
    for (const answer of await answers(other)) expect(answer).toMatch(/^(200|503)/);
    await sharded.servers[1]?.start();
    await eventually(async () => (await answers(other)).every((answer) => answer.startsWith('200')), PATIENT);
  });
});
