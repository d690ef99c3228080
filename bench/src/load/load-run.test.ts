import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { monotonicMicros, stampedToken } from '@millrace/simulated-model/paced';
import type { Load, LoadResult } from './load.ts';
import { LoadRun } from './load-run.ts';

const REQUEST = 'GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n';

/** Runs a load against a server that answers as it is told. */
async function run(answer: RequestListener, load: Partial<Load> = {}, onOpen?: (run: LoadRun) => void) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    const { promise, resolve } = Promise.withResolvers<LoadResult>();
    const whole = { port, request: REQUEST, streams: 1, atOnce: 1, overMs: 0, stamped: true, ...load };
    const running = new LoadRun(whole, { onOpen: () => onOpen?.(running), onDone: resolve });
    return await promise;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe('a load', () => {
  it('counts tokens, their delay and streams, and has as many open as it may, no more', async () => {
    const held: (() => void)[] = [];
    const open = new Set<Socket>();
    let most = 0;
    const result = await run(
      ({ socket }, response) => {
        open.add(socket);
        most = Math.max(most, open.size);
        socket.on('close', () => open.delete(socket));
        // nobody is answered before three have asked
        held.push(() => response.end(stampedToken(monotonicMicros() - 5_000).repeat(2)));
        if (held.length >= 3) setImmediate(() => held.splice(0).forEach((answer) => void answer()));
      },
      { streams: 21, atOnce: 3 },
    );
    expect(result).toMatchObject({ ended: 21, failed: 0, tokens: 42, delay: { count: 42 }, firstToken: { count: 21 } });
    expect(result.delay.p50).toBeGreaterThanOrEqual(5);
    expect(most).toBe(3);
  });

  it('tells how many tokens the poorest answer had, however many the others repeat', async () => {
    const tokens = [3, 0, 3];
    const result = await run((_, response) => response.end(stampedToken(1).repeat(tokens.pop() ?? 0)), { streams: 3 });
    expect(result).toMatchObject({ ended: 3, tokens: 6, fewestTokens: 0 });
  });

  it('says what came in place of an answer', async () => {
    const result = await run((_, response) => response.writeHead(503).end('busy'));
    expect(result).toMatchObject({ ended: 0, failed: 1, tokens: 0 });
    expect(result.failure).toContain('503 Service Unavailable');
  });

  it('can be stopped while its streams are open', async () => {
    const result = await run(
      (_, response) => response.write(stampedToken(1)),
      { streams: 4, atOnce: 4 },
      (running) => running.stop(),
    );
    expect(result.tokens).toBe(4);
  });
});
