import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { timedPost } from './timed-request.ts';

async function serve(listener: RequestListener): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    server.close().closeAllConnections();
    await once(server, 'close');
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, [Symbol.asyncDispose]: close };
}

describe('timedPost', () => {
  it('tells the headers, each part of the body and its end apart', async () => {
    await using server = await serve(async (request, response) => {
      const body = await request.toArray();
      response.writeHead(200, { 'content-type': 'text/plain' }).flushHeaders();
      setTimeout(() => response.write(Buffer.concat(body)), 30);
      setTimeout(() => response.end(), 60);
    });
    const { status, contentType, headersMs, chunks, endMs } = await timedPost(server.url, { query: 'x' });
    expect([status, contentType]).toEqual([200, 'text/plain']);
    expect(chunks.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(['{"query":"x"}']);
    const bodyMs = chunks[0]?.atMs ?? 0;
    // timers may fire a millisecond early
    expect(bodyMs - headersMs).toBeGreaterThan(10);
    expect(endMs - bodyMs).toBeGreaterThan(10);
  });

  it('does not take a broken body for a short one', async () => {
    await using server = await serve((_, response) => {
      response.write('half', () => response.destroy());
    });
    await expect(timedPost(server.url, {})).rejects.toThrow();
  });

  it('ends early when told, before the answer or within it', async () => {
    const stop = new AbortController();
    await using server = await serve((_, response) => {
      response.write('half', () => stop.abort());
    });
    await expect(timedPost(server.url, {}, { signal: stop.signal })).rejects.toThrow();
    await expect(timedPost(server.url, {}, { signal: stop.signal })).rejects.toThrow();
  });
});
