import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { brotliCompressSync, constants, createGzip, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sourceOf } from './body-source.ts';
import { CompletionStream } from './completion-stream.ts';
import { pushedFetch } from './pushed-fetch.ts';
import { PushedResponse } from './pushed-response.ts';

type Answering = (response: ServerResponse, request: IncomingMessage, body: string) => void;

const ANSWERS: Readonly<Record<string, Answering>> = {
  '/whole': (response) =>
    response.writeHead(200, 'Fine', { 'set-cookie': ['a=1', 'b=2'], 'x-id': '7' }).end('{"a":"ö"}'),
  '/missing?q=1': (response) => response.writeHead(404, { 'retry-after': '3' }).end('no'),
  '/empty': (response) => response.writeHead(204).end(),
  '/hinted': (response) => {
    response.writeEarlyHints({ link: '</x>; rel=preload' });
    response.end('after a hint');
  },
  '/moved': (response) => response.writeHead(307, { location: '/echo' }).end(),
  '/see-other': (response) => response.writeHead(303, { location: '/echo' }).end('over there'),
  '/no-location': (response) => response.writeHead(302).end('nowhere'),
  '/echo': (response, { method, headers }, body) =>
    response.end(JSON.stringify([method, body, headers['authorization'], headers['content-type']])),
  '/zipped': (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('small')),
  '/brotli': (response) => response.writeHead(200, { 'content-encoding': 'br' }).end(brotliCompressSync('small')),
  '/deflated': (response) => response.writeHead(200, { 'content-encoding': 'deflate' }).end(deflateSync('small')),
  '/deflated-without-head': (response) =>
    response.writeHead(200, { 'content-encoding': 'deflate' }).end(deflateRawSync('small')),
  '/zipped-twice': (response) =>
    response.writeHead(200, { 'content-encoding': 'gzip, br' }).end(brotliCompressSync(gzipSync('small'))),
  '/reset': (response) => response.socket?.resetAndDestroy(),
  '/cut': (response) => {
    response.writeHead(200, { 'content-length': '9' }).write('half', () => response.socket?.end());
  },
};

const open: Server[] = [];

async function serve(answer: Answering): Promise<string> {
  const server = createServer(async (request, response) => {
    answer(response, request, Buffer.concat(await request.toArray()).toString());
  });
  open.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function nobodyListens(): Promise<string> {
  const address = await serve(() => undefined);
  await new Promise((resolve) => open.pop()?.close(resolve));
  return address;
}

let url: string;
beforeAll(async () => {
  url = await serve((response, request, body) => ANSWERS[request.url ?? '']?.(response, request, body));
});
afterAll(() => {
  for (const server of open) {
    server.closeAllConnections();
    server.close();
  }
});

const asked = {
  method: 'POST',
  body: '{"stream":true}',
  headers: { authorization: 'Bearer k', 'content-type': 'text/x' },
  // a redirect would take the key elsewhere
  redirect: 'manual' as const,
};

/** A request whose server knows who reads the answer. */
const readBy = (reader: string) => ({ ...asked, headers: { ...asked.headers, 'x-reader': reader } });

/** All that can be told from an answer, or from its failure. */
async function outcome(ask: typeof fetch, address: string, init: RequestInit = asked) {
  try {
    const response = await ask(address, init);
    const { status, statusText, ok } = response;
    const headers = [...response.headers].filter(([name]) => name !== 'date');
    return { status, statusText, ok, headers, text: await response.text() };
  } catch (error) {
    const { name, message, cause } = error as Error;
    return { name, message, cause: (cause as { code?: string } | undefined)?.code };
  }
}

describe('the pushed fetch', () => {
  it.each(Object.keys(ANSWERS))('brings of %s what fetch brings', async (path) => {
    expect(await outcome(pushedFetch, url + path)).toEqual(await outcome(fetch, url + path));
  });

  it('fails as fetch does where nobody listens, and where the signal is aborted', async () => {
    const nobody = await nobodyListens();
    expect(await outcome(fetch, nobody)).toMatchObject({ cause: 'ECONNREFUSED' });
    expect(await outcome(pushedFetch, nobody)).toEqual(await outcome(fetch, nobody));
    const silent = await serve(() => undefined);
    for (const signal of [() => AbortSignal.abort(), () => AbortSignal.timeout(50)]) {
      const expected = await outcome(fetch, silent, { ...asked, signal: signal() });
      expect(await outcome(pushedFetch, silent, { ...asked, signal: signal() })).toEqual(expected);
    }
  });

  it('pushes what it has asked for itself', async () => {
    const response = await pushedFetch(`${url}/echo`, asked);
    const body = response.body as ReadableStream<Uint8Array>;
    expect(sourceOf(response, body)).toBeInstanceOf(PushedResponse);
    await body.cancel();
  });

  it('asks for an answer as it is, compressed by nobody', async () => {
    const heads: unknown[] = [];
    const server = await serve((response, { headers }) => {
      heads.push(headers['accept-encoding']);
      response.end();
    });
    await pushedFetch(server, asked);
    expect(heads).toEqual(['identity']);
  });

  it('fails at once where it is aborted while it connects', async () => {
    const accepted = Promise.withResolvers<Socket>();
    // it takes connections, and never answers the handshake
    const mute = createTcpServer((socket) => accepted.resolve(socket.on('error', () => undefined)));
    mute.listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const abort = new AbortController();
    const address = `https://127.0.0.1:${(mute.address() as AddressInfo).port}`;
    const asking = pushedFetch(address, { ...asked, signal: abort.signal });
    const socket = await accepted.promise;
    abort.abort(new Error('enough'));
    await expect(asking).rejects.toThrow('enough');
    // not because undici has given up connecting
    expect(socket.readyState).toBe('open');
    socket.destroy();
    mute.close();
  });

  it('lets a model wait that compresses what it says', async () => {
    const finished: unknown[] = [];
    const lines = Array.from({ length: 20_000 }, () => `data: ${'x'.repeat(1_000)}\n`);
    const talkative = await serve((response, { headers }) => {
      response.once('finish', () => finished.push(headers['x-reader']));
      response.writeHead(200, { 'content-encoding': 'gzip' });
      Readable.from(lines)
        .pipe(createGzip({ level: 0 }))
        .pipe(response);
    });
    const response = await pushedFetch(talkative, readBy('slow'));
    const source = sourceOf(response, response.body as ReadableStream<Uint8Array>);
    const ended = Promise.withResolvers<void>();
    const first = Promise.withResolvers<void>();
    let bytes = 0;
    let isSlow = true;
    source.pushTo({
      bytes: (some) => {
        bytes += some.byteLength;
        first.resolve();
        return !isSlow;
      },
      end: () => ended.resolve(),
      failed: (error) => ended.reject(error),
    });
    await first.promise;
    // who has asked later has been told all by now
    await (await pushedFetch(talkative, readBy('quick'))).arrayBuffer();
    expect(finished).toEqual(['quick']);
    expect(bytes).toBeLessThan(1_000_000);
    isSlow = false;
    source.resume();
    await ended.promise;
    expect(bytes).toBe(lines.length * 1_007);
  });

  it.each([
    ['a reader that takes all at once', () => true],
    ['a reader that waits with each part', () => false],
  ])(
    'passes on all that was said before the connection was lost, also what was compressed: %s',
    async (_, takesMore) => {
      // more than one part of what is decoded
      const said = 'all that was said '.repeat(10_000);
      const cut = await serve((response) => {
        response.writeHead(200, { 'content-encoding': 'gzip' });
        response.write(gzipSync(said, { finishFlush: constants.Z_SYNC_FLUSH }), () => response.socket?.end());
      });
      const response = await pushedFetch(cut, asked);
      const source = sourceOf(response, response.body as ReadableStream<Uint8Array>);
      let text = '';
      const ended = new Promise((resolve) => {
        source.pushTo({
          bytes: (some) => {
            text += Buffer.from(some);
            if (!takesMore()) setImmediate(() => source.resume());
            return takesMore();
          },
          end: () => resolve('end'),
          failed: resolve,
        });
      });
      expect(await ended).toMatchObject({
        name: 'TypeError',
        message: 'terminated',
        cause: { code: 'UND_ERR_SOCKET' },
      });
      expect(text.length).toBe(said.length);
      expect(text).toBe(said);
    },
  );

  it.each([
    ['pushed', pushedFetch],
    ['read from a web stream', fetch],
  ])('lets the model wait for its reader, and loses nothing: %s', async (_how, ask) => {
    const chunks = 20_000;
    const data = `data: ${JSON.stringify({ text: 'x'.repeat(1_000) })}\n\n`;
    const finished: unknown[] = [];
    const talkative = await serve((response, { headers }) => {
      response.once('finish', () => finished.push(headers['x-reader']));
      Readable.from(Array.from({ length: chunks }, () => data)).pipe(response);
    });
    const stream = new CompletionStream(await ask(talkative, readBy('slow')));
    await stream.next();
    // it is more than the buffers between the two hold
    await (await ask(talkative, readBy('quick'))).arrayBuffer();
    expect(finished).toEqual(['quick']);
    let read = 1;
    for await (const _chunk of stream) read += 1;
    expect(read).toBe(chunks);
  });

  it('goes through the proxy that the environment names, as fetch does', async () => {
    const tunnels: unknown[] = [];
    const proxy = await serve(() => undefined);
    open.at(-1)?.on('connect', ({ url: host }, socket) => {
      tunnels.push(host);
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(connect(Number(new URL(url).port), '127.0.0.1')).pipe(socket);
    });
    const script = `
      import { useModelConnections } from ${JSON.stringify(new URL('model-connections.ts', import.meta.url).href)};
      import { pushedFetch } from ${JSON.stringify(new URL('pushed-fetch.ts', import.meta.url).href)};
      useModelConnections();
      for (const [ask, host] of [[fetch, 'one'], [pushedFetch, 'two']]) {
        const response = await ask('http://' + host + '.invalid/echo', { method: 'POST', body: 'hi' });
        console.log(await response.text());
      }
      process.exit();`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      env: { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: proxy },
    });
    const [expected, actual] = stdout.trim().split('\n');
    expect(expected).toContain('hi');
    expect(actual).toBe(expected);
    expect(tunnels).toEqual(['one.invalid:80', 'two.invalid:80']);
  });
});
