import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Deferred, deferred, eventually } from '@millrace/testing';
import { type FastifyInstance, fastify } from 'fastify';
import { sliceLargeAnswers } from './large-answers.ts';
import { SerialRequests } from './serial-requests.ts';
import { StalledReaders } from './stalled-readers.ts';

/** more than the kernel keeps for a connection */
const LARGE = 'x'.repeat(32 * 1024 * 1024);
const STALL_MS = 300;
const SLOW_STALL_MS = 1_000;

let server: FastifyInstance;
let port: number;
let asked: string[];
let opened: Socket[];
let stalledReaders: StalledReaders;
/** lets `/quiet` end */
let quiet: Deferred<void>;
const clients = new Set<Socket>();

beforeEach(() => start(STALL_MS));

async function start(stallMs: number): Promise<void> {
  [asked, opened, quiet] = [[], [], deferred()];
  server = fastify({ forceCloseConnections: true });
  new SerialRequests().install(server);
  stalledReaders = new StalledReaders(stallMs);
  stalledReaders.install(server);
  sliceLargeAnswers(server);
  server.addHook('onRequest', (request, _reply, done) => {
    asked.push(request.url);
    opened.push(request.raw.socket);
    done();
  });
  server.get('/large', () => LARGE);
  server.get('/stream', (_, reply) => reply.send(Readable.from([Buffer.from(LARGE)], { objectMode: false })));
  server.get('/never', (_, reply) => void reply.hijack());
  server.get('/quiet', async (_, reply) => {
    reply.hijack();
    reply.raw.write('.');
    await quiet.promise;
    reply.raw.end('end');
  });
  server.get('/small/:n', (request) => request.params);
  await server.listen({ port: 0, host: '127.0.0.1' });
  ({ port } = server.server.address() as AddressInfo);
}

afterEach(async () => {
  for (const socket of clients) socket.destroy();
  clients.clear();
  await server.close();
});

/** Sends requests on one connection. */
function ask(...paths: readonly string[]) {
  const socket = connect(port, '127.0.0.1');
  clients.add(socket);
  const pieces: Buffer[] = [];
  socket.on('error', () => undefined); // some are reset
  socket.on('data', (bytes: Buffer) => pieces.push(bytes));
  socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''));
  return { socket, pieces, read: () => Buffer.concat(pieces).toString('latin1') };
}

describe('a reader who takes nothing (law 10)', () => {
  it.each(['/large', '/stream'])(
    'is cut off, whatever the route: %s',
    async (path) => {
      const { socket } = ask(path);
      socket.pause();
      await eventually(() => opened[0]?.destroyed, { timeoutMs: 20_000 });
      expect(stalledReaders.hasDisconnected(opened[0] as Socket)).toBe(true);
    },
    240_000,
  );

  it('is not one that is sent nothing', async () => {
    const { socket, read } = ask('/quiet');
    await once(socket, 'data');
    const stalled = ask('/large');
    stalled.socket.pause();
    await eventually(() => opened[1]?.destroyed, { timeoutMs: 20_000 });
    expect(opened[0]?.destroyed).toBe(false);
    quiet.resolve();
    await eventually(() => read().endsWith('end\r\n0\r\n\r\n'));
  });

  it('is not one that is slow: each slice of a large answer that it takes counts', async () => {
    // enough that a busy machine is not taken for a stalled reader
    await server.close();
    await start(SLOW_STALL_MS);
    const { socket, pieces } = ask('/large');
    const from = performance.now();
    let bytes = 0;
    socket.on('data', (piece: Buffer) => {
      bytes += piece.length;
      // by the clock: a busy machine has few timers, and one that takes too little is stalled
      if (bytes <= (LARGE.length * (performance.now() - from)) / (4 * SLOW_STALL_MS)) return;
      // the kernel says that it has room only when it has some hundred KiB of it
      socket.pause();
      setTimeout(() => socket.resume(), 8);
    });
    await eventually(() => bytes > LARGE.length, { timeoutMs: 20_000 });
    expect(performance.now() - from).toBeGreaterThan(3 * SLOW_STALL_MS);
    expect(String(pieces[0])).toContain(`content-length: ${LARGE.length}\r\n`);
  });
});

describe('requests that are pipelined on one connection', () => {
  it('are answered one after the other, in their order', async () => {
    const paths = Array.from({ length: 40 }, (_, n) => `/small/${n}`);
    const { read } = ask(...paths);
    await eventually(() => read().includes('"n":"39"'));
    expect([...read().matchAll(/"n":"(\d+)"/g)].map(([, n]) => Number(n))).toEqual(paths.map((_, n) => n));
    expect(asked).toEqual(paths);
  });

  it('do not start before the reader has taken the earlier answers', async () => {
    const { socket } = ask('/large', ...Array.from({ length: 39 }, () => '/large'));
    socket.pause();
    await eventually(() => opened[0]?.destroyed, { timeoutMs: 20_000 });
    // a turn for what would be begun now
    await once(ask('/small/1').socket, 'data');
    expect(asked).toEqual(['/large', '/small/1']);
  });

  it('are cut off when there are too many', async () => {
    const { socket } = ask('/never', ...Array.from({ length: 65 }, (_, n) => `/small/${n}`));
    await once(socket, 'close');
    expect(asked).toEqual(['/never']);
  });

  it('wait behind a slow answer', async () => {
    const { socket, read } = ask('/quiet', '/small/2');
    await once(socket, 'data');
    // a turn for what would be begun now
    await once(ask('/small/1').socket, 'data');
    expect(asked).toEqual(['/quiet', '/small/1']);
    quiet.resolve();
    await eventually(() => read().includes('"n":"2"'));
    expect(read()).toMatch(/end\r\n0\r\n\r\nHTTP\/1\.1 200/);
  });
});
