import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Millrace } from '@millrace/client';
import { newRequestId, shardNamedBy } from '@millrace/contracts';
import { eventually, ResumingReader, type SpawnedService, spawnService, type TestRedis } from '@millrace/testing';
import { MillraceCommand } from '../e2e/millrace-command.ts';
import { ShardedSystem } from '../e2e/sharded-system.ts';
import { idOf, type SystemHarness } from '../e2e/system-harness.ts';
import { figures } from './figures.ts';
import { Load } from './load.ts';

const RECOVERY_MS = 5_000;
/** Of streams that are in another shard, as with a lost SUBSCRIBE connection. */
const SILENCE_MS = 1_000;
const ANSWERED_WITHIN_MS = 2_000;
const AWAY_MS = 15_000;
const BETWEEN_CALLS_MS = 200;

let sharded: ShardedSystem;
let system: SystemHarness;
afterEach(() => sharded[Symbol.asyncDispose](), 60_000);

async function start(env: Readonly<Record<string, string>> = {}): Promise<void> {
  sharded = await ShardedSystem.start({ env });
  ({ system } = sharded);
}

const servicesOf = ({ apis, workers }: SystemHarness): SpawnedService[] => [...apis, ...workers];

/** An answer while a shard is away, and how long it took, milliseconds. */
interface Call {
  readonly what: string;
  readonly status: number;
  readonly body: { readonly incomplete?: boolean };
  readonly ms: number;
}

/** Repeats calls that a lost shard must not fail, and those that it must.
 *  @param lost jobs that are in it
 *  @param lostThread a thread that is in it
 *  @param ms for how long */
async function callMeanwhile(lost: readonly string[], lostThread: string, ms: number): Promise<Call[]> {
  const until = performance.now() + ms;
  const calls: Call[] = [];
  const again = async (what: string, urlAt: (nth: number) => string, init: RequestInit = {}) => {
    for (let nth = 0; performance.now() < until; nth += 1) {
      const askedAt = performance.now();
      const answer = await fetch(urlAt(nth), { ...init, headers: { accept: 'application/json', ...init.headers } });
      const body = (await answer.json()) as Call['body'];
      calls.push({ what, status: answer.status, body, ms: performance.now() - askedAt });
      await delay(Math.max(0, Math.min(BETWEEN_CALLS_MS, until - performance.now())));
    }
  };
  const at = (nth: number) => [system.url, ...system.apis.map(({ url }) => url)][nth % 3];
  const job = (nth: number) => lost[nth % lost.length];
  await Promise.all([
    again('GET job', (nth) => `${at(nth)}/jobs/${job(nth)}`),
    again('GET stream', (nth) => `${at(nth)}/jobs/${job(nth)}/stream`, { headers: { accept: 'text/event-stream' } }),
    again('DELETE job', (nth) => `${at(nth)}/jobs/${job(nth)}`, { method: 'DELETE' }),
    again('GET thread', (nth) => `${at(nth)}/threads/${lostThread}`),
    again('list of jobs', (nth) => `${at(nth)}/jobs`),
    again('list of threads', (nth) => `${at(nth)}/threads`),
    again('ready', (nth) => `${servicesOf(system)[nth % 4]?.url}/readyz`),
  ]);
  return calls;
}

/** New jobs, one after the other, whose ids the service makes.
 *  @returns what went wrong, one line each; how many there were, and how long the slowest took to its end, milliseconds */
async function newJobs(ms: number): Promise<{ wrong: string[]; count: number; slowestMs: number }> {
  const until = performance.now() + ms;
  const [wrong, times]: [string[], number[]] = [[], []];
  for (let nth = 0; performance.now() < until; nth += 1) {
    const askedAt = performance.now();
    try {
      await using stream = await system.ask(`new ${nth}`, { at: system.node(nth) });
      await stream.collect();
      if (stream.terminal()?.event !== 'done') wrong.push(`${idOf(stream)}: ${JSON.stringify(stream.terminal())}`);
    } catch (error) {
      wrong.push(`after ${Math.round(performance.now() - askedAt)} ms: ${String(error)}`);
    }
    times.push(performance.now() - askedAt);
    await delay(BETWEEN_CALLS_MS / 2);
  }
  return { wrong, count: times.length, slowestMs: Math.max(...times) };
}

/** A thread in a shard, whose conversation has begun. */
async function threadIn(shard: number): Promise<string> {
  for (let nth = 0; ; nth += 1) {
    const threadId = `in-${shard}-${nth}`;
    await using stream = await system.ask({ threadId, query: 'begin' });
    await stream.collect();
    if ((await sharded.placesOfThread(threadId)).includes(shard)) return threadId;
  }
}

/** A new job of the SDK, whose id that makes itself. */
interface SdkJob {
  readonly id: string;
  /** which of them it is */
  readonly nth: number;
  /** until it was accepted, milliseconds */
  readonly ms: number;
}

/** New jobs of the SDK, which sends them through nginx: those of `create` run to their end, those of `submit` are left alone.
 *  @param ms for how long */
async function sdkJobs(ms: number): Promise<SdkJob[]> {
  const { jobs } = new Millrace({ baseUrl: system.url });
  const until = performance.now() + ms;
  const signal = AbortSignal.timeout(ms + RECOVERY_MS);
  const made: SdkJob[] = [];
  const again = async (make: (body: { query: string; metadata: { nth: string } }) => Promise<string>) => {
    while (performance.now() < until) {
      const nth = made.length;
      const job: { -readonly [Name in keyof SdkJob]: SdkJob[Name] } = { id: '', nth, ms: Number.POSITIVE_INFINITY };
      made.push(job);
      const askedAt = performance.now();
      try {
        job.id = await make({ query: `of the SDK, ${nth}`, metadata: { nth: String(nth) } });
        job.ms = performance.now() - askedAt;
      } catch (error) {
        if (!signal.aborted) throw error;
      }
      await delay(BETWEEN_CALLS_MS / 2);
    }
  };
  await Promise.all([
    again(async (body) => {
      const job = await jobs.create(body, { signal });
      void job.answer().catch(() => undefined);
      return job.id;
    }),
    again(async (body) => (await jobs.submit(body, { signal })).id),
  ]);
  return made;
}

interface ListedJob {
  readonly id: string;
  readonly status: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** @returns all jobs; null where a page says that some are missing */
async function wholeList(): Promise<ListedJob[] | null> {
  const jobs: ListedJob[] = [];
  for (let next: string | null = ''; next !== null; ) {
    const answer = await fetch(`${system.url}/jobs?limit=100${next && `&cursor=${encodeURIComponent(next)}`}`);
    const page = (await answer.json()) as { items: ListedJob[]; nextCursor: string | null; incomplete?: true };
    if (page.incomplete) return null;
    jobs.push(...page.items);
    next = page.nextCursor;
  }
  return jobs;
}

/** Makes jobs of chosen ids in threads, for a tenant, until each shard has one of both.
 *  @returns by shard */
async function chosenInBoth(key: string): Promise<{ jobs: string[]; threads: string[] }> {
  const [jobs, threads]: [string[], string[]] = [[], []];
  for (let nth = 0; jobs.filter(Boolean).length + threads.filter(Boolean).length < 4; nth += 1) {
    const [id, threadId] = [`a-chosen-id-number-${nth}`, `a-thread-${nth}`];
    const headers = { 'x-api-key': key, 'x-request-id': id };
    await using stream = await system.ask({ query: 'chosen', threadId }, { headers });
    await stream.collect();
    const [job] = await sharded.placesOfJob(id, 'acme');
    const [thread] = await sharded.placesOfThread(threadId, 'acme');
    jobs[job ?? 0] = id;
    threads[thread ?? 0] = threadId;
  }
  return { jobs, threads };
}

interface Loss {
  readonly lost: number;
  readonly away: (server: TestRedis) => Promise<void>;
  readonly back: (server: TestRedis) => Promise<void>;
}

/** Takes a shard away while streams run on both, brings it back, and checks the promise. */
async function lose({ lost, away, back }: Loss): Promise<void> {
  await start();
  const server = sharded.servers[lost] as TestRedis;
  const pids = servicesOf(system).map(({ pid }) => pid);
  const threadId = await threadIn(lost);
  using load = await Load.start(system, { jobs: 40, at: (index) => [system.url, system.node(index)][index % 2] ?? '' });
  const { theirs = [], others = [] } = Object.groupBy(load.watchers, ({ id }) =>
    shardNamedBy(id) === lost ? 'theirs' : 'others',
  );
  expect([theirs.length > 0, others.length > 0]).toEqual([true, true]);

  await away(server);
  const [calls, created] = await Promise.all([
    callMeanwhile(
      theirs.map(({ id }) => id),
      threadId,
      AWAY_MS,
    ),
    newJobs(AWAY_MS),
  ]);
  const metrics = await (await fetch(`${system.node(0)}/metrics`)).text();
  const listedByCommand = await MillraceCommand.run(system.url, ['jobs']);
  const silenceMs = Math.max(...others.map(({ watcher }) => watcher.longestSilenceMs));
  await back(server);
  const streamsMs = await load.flows(theirs);
  await load.finish();
  const isList = ({ what }: Call) => what.startsWith('list');
  const slowestCallMs = Math.max(...calls.map(({ ms }) => ms));
  figures({
    streamsMs,
    ...{ streamsOfTheOther: others.length, silenceOfTheOtherMs: silenceMs },
    ...{ newJobs: created.count, slowestNewJobMs: created.slowestMs, refused: created.wrong.length },
    ...{ calls: calls.length, slowestCallMs, takenOver: load.restarts },
  });

  expect(created.wrong).toEqual([]);
  expect(silenceMs).toBeLessThanOrEqual(SILENCE_MS);
  expect(listedByCommand).toMatchObject({ code: 0, err: expect.stringContaining('is missing here') });
  for (const shard of [0, 1])
    expect(metrics).toMatch(new RegExp(`^millrace_shard_up\\{.*shard="${shard}".*\\} ${shard === lost ? 0 : 1}$`, 'm'));
  expect(calls.filter(({ ms }) => ms > ANSWERED_WITHIN_MS)).toEqual([]);
  expect(calls.filter((call) => isList(call) && !(call.status === 200 && call.body.incomplete === true))).toEqual([]);
  expect(calls.filter(({ what, status }) => what === 'ready' && status !== 200)).toEqual([]);
  // never 404: it is not known that there is none
  expect(calls.filter((call) => !isList(call) && call.what !== 'ready' && call.status !== 503)).toEqual([]);
  expect(streamsMs).toBeLessThanOrEqual(RECOVERY_MS);
  expect(await load.offences()).toEqual([]);
  expect(load.watchers.filter(({ watcher }) => watcher.terminal?.event !== 'done')).toEqual([]);
  // no job of the other shard was so much as started again, and no process
  expect(others.filter(({ watcher }) => watcher.events.some(({ event }) => event === 'reset'))).toEqual([]);
  expect(
    servicesOf(system)
      .filter(({ child }) => child.running)
      .map(({ pid }) => pid),
  ).toEqual(pids);
  // what was made meanwhile and what was lost are in one list again
  const listed = new Set((await eventually(() => wholeList())).map(({ id }) => id));
  expect(theirs.filter(({ id }) => !listed.has(id))).toEqual([]);
  await using next = await system.ask({ threadId, query: 'go on' });
  await next.collect();
  expect(next.terminal()?.event).toBe('done');
}

const WAYS = [
  { way: 'killed', away: (server: TestRedis) => server.kill(), back: (server: TestRedis) => server.start() },
  { way: 'frozen', away: (server: TestRedis) => server.pause(), back: (server: TestRedis) => server.resume() },
];
const CASES = WAYS.flatMap((way) => [
  { ...way, which: 'a shard of two', lost: 1 },
  { ...way, which: 'the home shard of two', lost: 0 },
]);

describe('Redis of', () => {
  it.each(CASES)(
    '$which $way for 15 s: streams and new jobs of the other go on, its own resume within 5 s',
    async ({ lost, away, back }) => {
      await lose({ lost, away, back });
    },
  );

  it.each(CASES)(
    '$which $way for 15 s, beside the SDK: it gets its new jobs accepted within 5 s, each of them once',
    async ({ lost, away, back }) => {
      await start();
      system.model.answer(['an ', 'answer']);
      const server = sharded.servers[lost] as TestRedis;
      await away(server);
      const made = await sdkJobs(AWAY_MS);
      await back(server);
      const isOver = (listed: ListedJob[] | null) =>
        listed?.every(({ status }) => status === 'completed') === true && listed;
      const listed = await eventually(async () => isOver(await wholeList()), { timeoutMs: 20_000 });
      // under ids that nodes have offered
      const moved = made.filter(({ id }) => shardNamedBy(id) !== null);
      figures({ jobs: made.length, elsewhere: moved.length, slowestMs: Math.max(...made.map(({ ms }) => ms)) });
      expect(moved.length).toBeGreaterThan(0);
      expect(made.filter(({ ms }) => !(ms <= RECOVERY_MS))).toEqual([]);
      const byNth = listed.map(({ id, metadata: { nth } }) => ({ id, nth: Number(nth) }));
      expect(byNth.toSorted((one, other) => one.nth - other.nth)).toEqual(made.map(({ id, nth }) => ({ id, nth })));
    },
  );

  it.each([
    ['a shard of two', 1],
    ['the home shard of two', 0],
  ])(
    '%s gone while processes are replaced: they start, serve the other, and find it when it is back',
    async (_, lost) => {
      await start({ MILLRACE_WORKER_GRACE_MS: '1000' });
      system.model.answer(['an ', 'answer']);
      const gates = [0, 1].map((shard) => system.model.gated({ to: `in ${shard}` }));
      const readers = await Promise.all(
        gates.map(async (gate, shard) => {
          const headers = { 'x-request-id': newRequestId(shard) };
          const stream = await system.askUntilText(`in ${shard}`, gate, 'so far', { headers });
          return system.use(new ResumingReader(() => `${system.url}/jobs/${idOf(stream)}/stream`, stream));
        }),
      );
      const server = sharded.servers[lost] as TestRedis;
      await server.kill();
      const startMs: number[] = [];
      const stopMs: number[] = [];
      for (const service of servicesOf(system)) {
        const stoppedAt = performance.now();
        expect(await service.stop()).toEqual({ code: 0, signal: null });
        stopMs.push(performance.now() - stoppedAt);
        const kind = system.apis.includes(service) ? 'api' : 'worker';
        const list = system[kind === 'api' ? 'apis' : 'workers'];
        const startedAt = performance.now();
        const successor = await spawnService(kind, { ...system.envOf(kind), PORT: String(service.port) });
        startMs.push(performance.now() - startedAt);
        list.splice(list.indexOf(service), 1, successor);
      }
      const created = await newJobs(2_000);
      await server.start();
      const since = performance.now();
      await Promise.all(readers.map(({ over }) => over));
      const endedMs = performance.now() - since;
      figures({
        slowestStopMs: Math.max(...stopMs),
        slowestStartMs: Math.max(...startMs),
        newJobs: created.count,
        endedMs,
      });
      expect(created.wrong).toEqual([]);
      for (const reader of readers) expect([reader.terminal?.event, reader.text]).toEqual(['done', 'an answer']);
    },
  );

  it('the home shard of two gone: credentials that are known go on, new ones wait', async () => {
    const admin = 'the-secret-of-an-admin';
    await start({ MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: `ops:admin:${admin}` });
    const send = (path: string, key: string, body: object, at = system.url) =>
      fetch(`${at}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json', 'x-api-key': key },
        body: JSON.stringify(body),
      });
    const makeKey = () => send('/keys', admin, { tenant: 'acme' });
    const { key } = (await (await makeKey()).json()) as { key: string };
    const nodes = [system.node(0), system.node(1)];
    const chosen = await chosenInBoth(key);
    const seen = async (path: string, at: string) => {
      const answer = await fetch(`${at}${path}`, { headers: { 'x-api-key': admin, accept: 'application/json' } });
      await answer.body?.cancel();
      return answer.status;
    };
    const statuses = async (secret: string, query: string) =>
      Promise.all(nodes.map(async (at) => (await send('/jobs', secret, { query }, at)).status));
    const areAccepted = async (secret: string, query: string) =>
      (await statuses(secret, query)).every((status) => status === 202);
    await eventually(() => areAccepted(key, 'before'));

    await sharded.servers[0]?.kill();
    // a moment in which a node may not have noticed yet
    await eventually(() => areAccepted(key, 'meanwhile'));
    const accepted: number[] = [];
    for (let nth = 0; nth < 20; nth += 1) accepted.push(...(await statuses(key, 'meanwhile')));
    accepted.push(...(await statuses(admin, 'meanwhile')));
    const made = await makeKey();
    // an admin names what belongs to another tenant: nobody may say that there is none
    const named = [chosen.jobs.map((id) => `/jobs/${id}`), chosen.threads.map((id) => `/threads/${id}`)];
    const lostPaths = named.flatMap(([path = '']) => [path, `${path}?tenant=acme`]);
    const otherPaths = named.map(([, path]) => `${path}?tenant=acme`);
    const looks = await Promise.all(
      nodes.flatMap((at) => [...lostPaths, ...otherPaths].map(async (path) => [path, await seen(path, at)])),
    );
    const unknown = await statuses('mrk_a-key-that-was-never-made', 'meanwhile');
    await sharded.servers[0]?.start();
    const since = performance.now();
    const next = await eventually(async () => {
      const answer = await makeKey();
      return answer.status === 201 && ((await answer.json()) as { key: string }).key;
    });
    await eventually(() => areAccepted(next, 'afterwards'));
    figures({ accepted: accepted.length, newKeyMs: performance.now() - since });
    expect(accepted.filter((status) => status !== 202)).toEqual([]);
    expect(made.status).toBe(503);
    const expected = [...lostPaths.map((path) => [path, 503]), ...otherPaths.map((path) => [path, 200])];
    expect(looks).toEqual(nodes.flatMap(() => expected));
    for (const status of unknown) expect([401, 503]).toContain(status);
  });
});
