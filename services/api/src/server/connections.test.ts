import { Agent, request } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Deferred, deferred } from '@millrace/testing';
import { type FastifyInstance, fastify } from 'fastify';
import { Connections } from './connections.ts';

const PATIENTLY = { idleMs: 10_000, answerMs: 10_000 };

let server: FastifyInstance;
let connections: Connections;
let port: number;
let client: Agent;
let slow: Deferred<void>;
let asked: Deferred<void>;

beforeEach(async () => {
  server = fastify({ forceCloseConnections: true });
  connections = new Connections(server);
  [slow, asked] = [deferred(), deferred()];
  server.post('/', () => 'answer');
  server.post('/slow', async () => {
    asked.resolve();
    await slow.promise;
    return 'answer';
  });
  await server.listen({ port: 0, host: '127.0.0.1' });
  ({ port } = server.server.address() as AddressInfo);
  client = new Agent({ keepAlive: true, maxSockets: 1 });
});
afterEach(async () => {
  client.destroy();
  await server.close();
});

/** POSTs on the client's one connection. @returns what the answer says of the connection */
function post(path = '/'): Promise<string | undefined> {
  const { promise, resolve, reject } = deferred<string | undefined>();
  request({ host: '127.0.0.1', port, path, agent: client, method: 'POST' }, (answer) => {
    answer.resume().once('end', () => resolve(answer.headers.connection));
  })
    .once('error', reject)
    .end();
  return promise;
}

describe('a node that stops', () => {
  it('answers one last request that a proxy sends into an idle connection', async () => {
    expect(await post()).toBe('keep-alive');
    await connections.stopListening();
    const settled = connections.settle(PATIENTLY);
    expect(await post()).toBe('close');
    await settled;
  });

  it('refuses new connections, so that a proxy takes even a POST elsewhere', async () => {
    await connections.stopListening();
    await expect(post()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('waits until a proxy has closed its idle connections, and no longer', async () => {
    const order: string[] = [];
    server.server.once('connection', (socket: Socket) => socket.once('close', () => order.push('closed')));
    await post();
    await connections.stopListening();
    // so long that the test would run out of time
    const settled = connections.settle({ ...PATIENTLY, idleMs: 600_000 }).then(() => order.push('settled'));
    client.destroy();
    await settled;
    expect(order).toEqual(['closed', 'settled']);
  });

  it('waits for the running answer even if it does not wait for idle connections', async () => {
    const answer = post('/slow');
    await asked.promise;
    await connections.stopListening();
    const settled = connections.settle({ ...PATIENTLY, idleMs: 0 });
    slow.resolve();
    expect(await answer).toBe('keep-alive');
    await settled;
  });

  it('does not wait for either forever', async () => {
    const answer = post('/slow');
    await asked.promise;
    await connections.stopListening();
    await connections.settle({ idleMs: 50, answerMs: 50 });
    slow.resolve();
    await answer;
  });
});
