import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { eventually, startRedis, type TestRedis } from '@millrace/testing';
import { Redis } from 'ioredis';
import { createLogger } from '../log/logger.ts';
import { type RedisFactory, redisFactory, sendTogether } from './redis-factory.ts';

/** A command may take 1.5 s here: with room for a machine that is three times as slow. */
const LATE_MS = 6_000;

let server: TestRedis;
let factory: RedisFactory;
let log: string[];

beforeEach(async () => {
  server = await startRedis();
  log = [];
  const logger = createLogger({ service: 'test', level: 'info', destination: { write: (line) => log.push(line) } });
  factory = redisFactory(server.url, { name: 'test', logger });
});

afterEach(async () => {
  factory.close();
  await server.stop();
});

/** How long something took, milliseconds, and how it came out. */
async function timed(work: Promise<unknown>): Promise<{ ms: number; failed: boolean }> {
  const before = performance.now();
  const failed = await work.then(
    () => false,
    () => true,
  );
  return { ms: performance.now() - before, failed };
}

function asSingle(connection: unknown): Redis {
  if (connection instanceof Redis) return connection;
  throw new Error('not a connection to a single Redis');
}

describe('redisFactory on a single Redis', () => {
  it('sends the commands of one tick in one write', async () => {
    const redis = asSingle(factory.connect('command'));
    await redis.ping();
    const writes = [jest.spyOn(redis.stream, '_write'), jest.spyOn(redis.stream, '_writev')];
    await Promise.all([redis.ping(), redis.set('a', 'b'), redis.get('a')]);
    expect(writes.map(({ mock }) => mock.calls.length)).toEqual([0, 1]);
  });

  it('lets at most eight commands of one tick wait for each other', async () => {
    const redis = asSingle(factory.connect('command'));
    await redis.ping();
    const writes = jest.spyOn(redis.stream, '_writev');
    await Promise.all(Array.from({ length: 20 }, () => redis.ping()));
    expect(writes).toHaveBeenCalledTimes(3);
  });

  it('sends as many commands as it is told to in one write, at once, with what the tick sent before', async () => {
    const redis = asSingle(factory.connect('worker'));
    await redis.ping();
    const writes = [jest.spyOn(redis.stream, '_write'), jest.spyOn(redis.stream, '_writev')];
    const replies: Promise<unknown>[] = [redis.ping()];
    sendTogether(redis, () => {
      for (let sent = 0; sent < 40; sent += 1) replies.push(redis.ping());
    });
    expect(writes.map(({ mock }) => mock.calls.length)).toEqual([0, 1]);
    replies.push(redis.ping());
    await Promise.all(replies);
    expect(writes.map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
  });

  it('holds nothing back when what sends together fails half-way', async () => {
    const redis = asSingle(factory.connect('worker'));
    await redis.ping();
    let reply: Promise<unknown> | undefined;
    expect(() =>
      sendTogether(redis, () => {
        reply = redis.ping();
        throw new Error('half-way');
      }),
    ).toThrow('half-way');
    expect(await reply).toBe('PONG');
  });

  it('sends the commands of several callbacks of one tick in one write, as when many models answer at once', async () => {
    const redis = asSingle(factory.connect('worker'));
    await redis.ping();
    const writes = [jest.spyOn(redis.stream, '_write'), jest.spyOn(redis.stream, '_writev')];
    const aCallback = () => setImmediate().then(() => redis.ping());
    await Promise.all([aCallback(), aCallback(), aCallback()]);
    expect(writes.map(({ mock }) => mock.calls.length)).toEqual([0, 1]);
  });

  it('fails a command of the API soon while Redis is away, and resumes soon after it is back', async () => {
    const redis = factory.connect('command');
    await redis.ping();
    await server.kill();
    const whileAway = await timed(redis.ping());
    expect(whileAway).toMatchObject({ failed: true });
    expect(whileAway.ms).toBeLessThan(LATE_MS);
    expect((await timed(redis.ping())).ms).toBeLessThan(LATE_MS);

    await server.start();
    const back = await timed(eventually(() => redis.ping()));
    expect(back).toMatchObject({ failed: false });
    expect(back.ms).toBeLessThan(LATE_MS);
  });

  it('fails a command of the API soon when Redis was never there', async () => {
    await server.kill();
    expect((await timed(factory.connect('command').ping())).ms).toBeLessThan(LATE_MS);
  });

  it('keeps a command of a worker until Redis is back', async () => {
    const redis = factory.connect('worker');
    await redis.ping();
    await server.kill();
    const answer = redis.incr('counter');
    await server.start();
    expect(await answer).toBe(1);
  });

  it('notices a Redis that holds its connections open and says nothing', async () => {
    const [command, worker] = [factory.connect('command'), factory.connect('worker')];
    const subscriber = asSingle(factory.connect('subscriber'));
    await Promise.all([command.ping(), worker.ping(), subscriber.subscribe('news')]);
    const dropped = new Promise((resolve) => subscriber.once('close', resolve));

    await server.pause();
    const answer = worker.incr('counter');
    expect((await timed(command.ping())).ms).toBeLessThan(LATE_MS);
    expect((await timed(dropped)).ms).toBeLessThan(3 * LATE_MS);

    await server.resume();
    expect(await answer).toBeGreaterThanOrEqual(1);
    expect(await eventually(() => command.ping())).toBe('PONG');
  });

  it('leaves resubscribing to the one who must await the confirmation', async () => {
    const subscriber = asSingle(factory.connect('subscriber'));
    await subscriber.subscribe('news');
    const ready = new Promise((resolve) => subscriber.once('ready', resolve));
    const admin = factory.connect('command');
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await ready;
    expect(await admin.pubsub('NUMSUB', 'news')).toEqual(['news', 0]);
  });

  it('lets a blocking command block for as long as was said', async () => {
    const redis = asSingle(factory.connect('blocking', { maxBlockMs: 1_000 }));
    await redis.ping();
    const closed = timed(new Promise((resolve) => redis.once('close', resolve)));
    expect(await redis.bzpopmin('nothing', 1)).toBeNull();
    expect(await redis.bzpopmin('nothing', 1)).toBeNull();
    await server.pause();
    void redis.bzpopmin('nothing', 1).catch(() => undefined);
    expect((await closed).ms).toBeLessThan(3 * LATE_MS);
    await server.resume();
  });

  it('logs an outage in two lines, however many attempts it takes', async () => {
    const redis = factory.connect('worker');
    await redis.ping();
    await server.kill();
    await eventually(() => log.length > 0);
    const answer = redis.ping();
    await server.start();
    await answer;
    const entries = log.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(entries.map(({ msg }) => msg)).toEqual(['redis lost', 'redis back']);
    expect(entries[1]).toMatchObject({ connection: 'test:worker', durationMs: expect.any(Number) });
  });

  it('rejects what still waits when it is closed during an outage', async () => {
    const redis = factory.connect('worker');
    await redis.ping();
    await server.kill();
    const answer = redis.ping();
    await eventually(() => redis.status === 'reconnecting');
    factory.close();
    await expect(answer).rejects.toThrow('Connection is closed');
    expect(redis.status).toBe('end');
  });

  it('closes every connection it opened', async () => {
    const connections = (['command', 'queue', 'worker', 'blocking', 'subscriber'] as const).map((role) =>
      factory.connect(role),
    );
    await Promise.all(connections.map((redis) => redis.ping()));
    factory.close();
    await eventually(() => connections.every(({ status }) => status === 'end'));
    expect(log).toEqual([]);
  });
});
