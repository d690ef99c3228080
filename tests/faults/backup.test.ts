import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';
import {
  Child,
  eventually,
  newKeyPrefix,
  ResumingReader,
  readSse,
  spawnService,
  startRedisProcess,
} from '@millrace/testing';
import { Redis } from 'ioredis';
import { RedisUsers } from '../e2e/redis-users.ts';
import { idOf, SystemHarness } from '../e2e/system-harness.ts';
import { figures } from './figures.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ANSWER = ['again ', 'from ', 'the ', 'beginning'];

it('Redis lost with its data, restored from an RDB file: jobs of the backup end, readers of what is lost are told', async () => {
  await using parts = new AsyncDisposableStack();
  const folders = await Promise.all(['lost', 'restored'].map((name) => mkdtemp(join(tmpdir(), `millrace-${name}-`))));
  const [lostFolder = '', newFolder = ''] = folders;
  parts.defer(() =>
    Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))).then(() => undefined),
  );
  const users = parts.use(await RedisUsers.of(newKeyPrefix()));
  // as docs/operations.md says: from a file, without the append-only one, which Redis would prefer
  const redisIn = (folder: string) =>
    startRedisProcess([...users.serverArgs, '--dir', folder, '--appendonly', 'no', '--dbfilename', 'dump.rdb']);
  const lost = parts.use(await redisIn(lostFolder));
  const system = parts.use(
    await SystemHarness.start({
      redis: { url: lost.url, users },
      processes: 1,
      env: { MILLRACE_GRAPHS: `${ROOT}/tests/e2e/asking-agent/langgraph.json`, MILLRACE_WORKER_CONCURRENCY: '2' },
    }),
  );
  const { model } = system;
  const read = async (id: string, after?: string) => {
    await using stream = await system.watch(id, after === undefined ? {} : { after });
    await stream.collect();
    return stream;
  };
  const resuming = (first: Awaited<ReturnType<typeof readSse>>) =>
    parts.use(new ResumingReader(() => `${system.url}/jobs/${idOf(first)}/stream`, first));

  // before the backup: an ended answer, a question, a conversation, two answers that are under way, and one in the queue
  model.answer(ANSWER);
  const ended = await system.ask({ threadId: 'talk', query: 'ended' });
  await ended.collect();
  const question = await system.ask({ threadId: 'question', pipeline: 'asking', query: 'What?' });
  await question.collect();
  const gates = [model.gated({ to: 'under way 0' }), model.gated({ to: 'under way 1' })] as const;
  const underWay = [
    await system.askUntilText('under way 0', gates[0], 'before the backup '),
    await system.askUntilText('under way 1', gates[1], 'before the backup '),
  ] as const;
  const readers = underWay.map(resuming);
  const waitingGate = model.gated({ to: 'in the queue' });
  const waiting = await system.ask('in the queue');
  const waitingReader = resuming(waiting);
  await waitingReader.until(({ event }) => event === 'accepted');

  const admin = parts.adopt(new Redis(lost.url), (connection) => connection.disconnect());
  const savedBefore = await admin.lastsave();
  // LASTSAVE has seconds
  await eventually(async () => Math.floor(Date.now() / 1_000) > savedBefore);
  await admin.bgsave();
  await eventually(async () => (await admin.lastsave()) > savedBefore);
  await copyFile(join(lostFolder, 'dump.rdb'), join(newFolder, 'dump.rdb'));

  // after it: an answer goes on, one ends and gives its slot to the one in the queue, another one is made
  await gates[0].say('after it');
  await readers[0]?.until(({ data }) => String(data.text).includes('after it'));
  await gates[1].say('and ended after it');
  await gates[1].finish();
  await readers[1]?.until(({ event }) => event === 'done');
  await waitingGate.say('words of the attempt that is lost');
  const cursor = (await waitingReader.until(({ event }) => event === 'message')).id;
  const late = await system.ask('made after the backup');
  const lateId = idOf(late);

  await Promise.all([...system.apis, ...system.workers].map((service) => service.kill()));
  await lost.kill();
  const restored = parts.use(await redisIn(newFolder));
  const restoredAt = performance.now();
  const envOf = (name: 'api' | 'worker') => ({ ...system.envOf(name), REDIS_URL: users.urlOf(name, restored.url) });
  const renumbering = await Child.start({
    command: process.execPath,
    args: [join(ROOT, 'services/api/dist/restored-main.js')],
    env: { PATH: process.env['PATH'], ...envOf('api') },
  });
  expect((await renumbering.exited).code).toBe(0);
  expect(renumbering.lines.join('\n')).toContain('"jobs":3');
  for (const [kind, services] of [
    ['api', system.apis],
    ['worker', system.workers],
  ] as const) {
    const before = services[0];
    services.splice(0, 1, await spawnService(kind, { ...envOf(kind), PORT: String(before?.port ?? 0) }));
  }

  // jobs of the backup end, and whoever reads one has one whole answer
  for (const reader of [readers[0], waitingReader]) {
    await reader?.over;
    expect([reader?.terminal?.event, reader?.text]).toEqual(['done', ANSWER.join('')]);
    expect(reader?.events.find(({ event }) => event === 'reset')?.data.reason).toBe('log-lost');
  }
  const endedMs = performance.now() - restoredAt;
  // no word of the lost attempt has come under the id of another one
  const resumed = await read(idOf(waiting), cursor);
  expect([resumed.events[0]?.event, resumed.text()]).toEqual(['reset', ANSWER.join('')]);
  // a reader that had the end that is lost may ask for what came after it
  const endedCursor = readers[1]?.terminal?.id ?? '';
  expect((await read(idOf(underWay[1]), endedCursor)).text()).toBe(ANSWER.join(''));
  // what was made after the backup is not there
  expect((await fetch(`${system.url}/jobs/${lateId}`)).status).toBe(404);
  expect((await fetch(`${system.url}/jobs/${lateId}/stream`, { headers: { 'last-event-id': '1-5' } })).status).toBe(
    404,
  );
  // ended answers and threads are as they were
  expect((await read(idOf(ended))).text()).toBe(ANSWER.join(''));
  await using answer = await system.ask({ threadId: 'question', resume: 'restored' });
  await answer.collect();
  expect(answer.text()).toBe('You said restored, of 1.');
  await using talk = await system.ask({ threadId: 'talk', query: 'and now' });
  await talk.collect();
  expect(JSON.stringify(model.requests.at(-1)?.body)).toMatch(/ended.*again from the beginning.*and now/);
  // each attempt of the backup is counted, and each since, once; those whose workers died with an estimate
  const { keyPrefix } = users;
  const now = parts.adopt(new Redis(restored.url), (connection) => connection.disconnect());
  const usage = async () => {
    const { items } = (await (await fetch(`${system.url}/usage`)).json()) as {
      items: { jobs: number; attempts: number }[];
    };
    return items.reduce((sum, day) => ({ jobs: sum.jobs + day.jobs, attempts: sum.attempts + day.attempts }), {
      jobs: 0,
      attempts: 0,
    });
  };
  await eventually(async () => (await usage()).attempts >= 9, { timeoutMs: 60_000 });
  await eventually(async () => (await now.zcard(`{${keyPrefix}:registry}:unsettled`)) === 0, { timeoutMs: 60_000 });
  expect(await usage()).toEqual({ jobs: 7, attempts: 9 });
  figures({ jobs: 6, renumbered: 3, endedMs });
}, 180_000);
