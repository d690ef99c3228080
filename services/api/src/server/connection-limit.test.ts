import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { deferred, eventually } from '@millrace/testing';
import { type FastifyInstance, fastify } from 'fastify';
import { type DropReason, limitConnections } from './connection-limit.ts';
import { defaultMaxConnections } from './open-files.ts';

const MAX = 20;

let server: FastifyInstance;
let port: number;
let dropped: DropReason[];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.close();
});

async function listen(silentMs?: number): Promise<void> {
  dropped = [];
  server = fastify({ forceCloseConnections: true });
  limitConnections(server, {
    max: MAX,
    dropped: (reason) => dropped.push(reason),
    ...(silentMs === undefined ? {} : { silentMs }),
  });
  server.get('/', () => 'answer');
  await server.listen({ port: 0, host: '127.0.0.1' });
  ({ port } = server.server.address() as AddressInfo);
}

async function open(): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => {
    // a connection that is closed may be reset
  });
  await once(socket, 'connect');
  return socket;
}

/** Asks on a connection. @returns the first line of the answer; none when the connection was closed */
async function ask(socket: Socket): Promise<string> {
  const said = deferred<string>();
  socket.once('data', (bytes: Buffer) => said.resolve(bytes.toString().slice(0, 15)));
  socket.once('close', () => said.resolve('closed'));
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  return said.promise;
}

describe('the connections of a node', () => {
  it('are not used up by clients that connect and send nothing', async () => {
    await listen();
    const client = await open();
    expect(await ask(client)).toBe('HTTP/1.1 200 OK');
    for (let count = 0; count < 3 * MAX; count += 1) await open();
    expect(await ask(await open())).toBe('HTTP/1.1 200 OK');
    expect(await ask(client)).toBe('HTTP/1.1 200 OK');
    expect(dropped).not.toContain('taken');
  });

  it('are not used up by clients that send a part of a request', async () => {
    await listen();
    for (let count = 0; count < 3 * MAX; count += 1) (await open()).write('GET / HTTP/1.1\r\nX:');
    expect(await ask(await open())).toBe('HTTP/1.1 200 OK');
  });

  it('are never more than the limit, once all of them have sent a request', async () => {
    await listen();
    const clients: Socket[] = [];
    for (let count = 0; count < MAX; count += 1) {
      const client = await open();
      expect(await ask(client)).toBe('HTTP/1.1 200 OK');
      clients.push(client);
    }
    for (let count = 0; count < 5; count += 1) expect(await ask(await open())).toBe('closed');
    for (const client of clients) expect(await ask(client)).toBe('HTTP/1.1 200 OK');
    expect(dropped).toEqual(Array.from({ length: 5 }, () => 'taken'));
    clients[0]?.destroy();
    await eventually(async () => (await ask(await open())) !== 'closed');
  });

  it('are closed in time if they stay silent', async () => {
    await listen(500);
    const client = await open();
    expect(await ask(client)).toBe('HTTP/1.1 200 OK');
    const silent = await open();
    await once(silent, 'close');
    expect(dropped).toEqual(['silent']);
    expect(await ask(client)).toBe('HTTP/1.1 200 OK');
  });
});

describe('the number of connections', () => {
  it.each([
    [20_000, 19_936],
    [200, 136],
    [100, 50],
  ])('leaves of %i open files what else needs some', (openFiles, most) => {
    expect(defaultMaxConnections(openFiles)).toBe(most);
  });

  it('comes from the system', () => {
    expect(defaultMaxConnections()).toBeGreaterThan(100);
  });
});
