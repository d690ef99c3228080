import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';
import { expect, it } from '@jest/globals';
import { TooLate, withPatience } from './patience.ts';

/** Keeps this process from everything else. */
function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

it('takes an answer that had come while the process was busy', async () => {
  // an answer that is in the socket by the time that the process looks
  const server = createServer((socket) => socket.end('answer')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  const answer = withPatience(
    once(socket, 'data').then(([data]) => String(data)),
    50,
  );
  await new Promise<void>((resolve) => {
    server.getConnections(() => {
      block(200);
      resolve();
    });
  });
  await expect(answer).resolves.toBe('answer');
  server.close();
});

it('does not wait for ever, and says what went wrong', async () => {
  await expect(withPatience(new Promise(() => undefined), 20)).rejects.toThrow(TooLate);
  await expect(withPatience(Promise.reject(new Error('no')), 20)).rejects.toThrow('no');
});
