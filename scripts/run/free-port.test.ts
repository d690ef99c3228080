import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { assertPortIsFree, freePort } from './free-port.mjs';

describe('freePort', () => {
  it('gives a port that can be listened on', async () => {
    const server = createServer().listen(await freePort(), '127.0.0.1');
    await once(server, 'listening');
    server.close();
  });
});

describe('assertPortIsFree', () => {
  it('says how to choose another port when this one is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    try {
      await expect(assertPortIsFree(port, '127.0.0.1')).rejects.toThrow(`PORT=${port + 1} npm start`);
    } finally {
      server.close();
    }
  });
});
