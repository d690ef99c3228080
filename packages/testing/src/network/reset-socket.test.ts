import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { resetSocket } from './reset-socket.ts';

let server: Server;
let socket: Socket;
let peer: Socket;

beforeEach(async () => {
  server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  const connected = once(server, 'connection');
  socket = connect({ host: '127.0.0.1', port: address.port, allowHalfOpen: true });
  [peer] = await connected;
});

afterEach(async () => {
  peer.destroy();
  server.close();
  await once(server, 'close');
});

describe('a reset', () => {
  it('is what the other side sees', async () => {
    const error = once(peer, 'error');
    peer.resume();
    resetSocket(socket);
    expect((await error)[0]).toMatchObject({ code: 'ECONNRESET' });
  });

  it('also closes a connection whose end is on its way', async () => {
    const closed = once(socket, 'close');
    socket.end('the last words');
    resetSocket(socket);
    expect(await closed).toEqual([false]);
  });
});
