import { once } from 'node:events';
import { Agent, createServer, get, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Deferred, deferred, eventually } from '@millrace/testing';
import fc from 'fast-check';
import { DirectChunks } from './direct-chunks.ts';
import { ResponseBody } from './response-body.ts';

const OPENING = Buffer.from('retry: 1000\n');
const HEAD_END = '\r\n\r\n';
/** more than the kernel keeps for a connection */
const LARGE = Buffer.alloc(16 * 1024 * 1024, 'x');

let server: Server;
let port: number;
/** how often a reader had room again */
let rooms: number;
let bodies: ResponseBody[];
let asked: Deferred<void>;
let chunks: DirectChunks;
const sockets = new Set<Socket>();

beforeEach(async () => {
  [rooms, bodies, asked, chunks, holdsBack] = [0, [], deferred(), new DirectChunks(), false];
  server = createServer((request, response) => {
    const body = new ResponseBody(response, chunks, () => {
      rooms += 1;
    });
    response.on('close', () => body.release());
    if (holdsBack) response.cork();
    body.begin({ 'Content-Type': 'text/plain', 'X-Path': request.url }, OPENING);
    bodies.push(body);
    asked.resolve();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  server.closeAllConnections();
  server.close();
});

/** Whether a response holds back what is written, as those of some versions of Node do until the next tick. */
let holdsBack = false;

/** Sends requests as they are. @returns the connection, and what has come on it so far */
function send(text: string): { readonly socket: Socket; readonly read: () => string } {
  const socket = connect(port, '127.0.0.1');
  sockets.add(socket);
  const pieces: Buffer[] = [];
  socket.on('data', (bytes) => pieces.push(bytes));
  socket.on('error', () => undefined); // some are reset
  socket.write(text);
  return { socket, read: () => Buffer.concat(pieces).toString('latin1') };
}

const getOf = (path: string, version = '1.1') => `GET ${path} HTTP/${version}\r\nHost: x${HEAD_END}`;

/** The body of request `n`, once it has begun. */
async function bodyOf(n: number): Promise<ResponseBody> {
  await eventually(() => bodies.length > n);
  return bodies[n] as ResponseBody;
}

/** Reads an answer as Node's own client does. */
async function answerOf(path: string, agent?: Agent): Promise<IncomingMessage> {
  const [answer] = (await once(get({ host: '127.0.0.1', port, path, agent }), 'response')) as [IncomingMessage];
  return answer;
}

describe('the body of a response', () => {
  it('is one chunk for each write, byte for byte as HTTP/1.1 specifies', async () => {
    const { read } = send(getOf('/'));
    const body = await bodyOf(0);
    expect(body.write(Buffer.from('data: é\n\n'))).toBe(true);
    expect(body.write(null)).toBe(true);
    body.end(Buffer.from('bye'));
    await eventually(() => read().endsWith('0\r\n\r\n'));
    const [, chunks] = read().split(/(?<=\r\n\r\n)([\s\S]*)/);
    expect(chunks).toBe('c\r\nretry: 1000\n\r\na\r\ndata: \xc3\xa9\n\n\r\n3\r\nbye\r\n0\r\n\r\n');
  });

  it('comes after its head, also where the response holds back what is written', async () => {
    holdsBack = true;
    const { read } = send(getOf('/'));
    const body = await bodyOf(0);
    body.write(Buffer.from('abc'));
    body.end(Buffer.from('bye'));
    await eventually(() => read().endsWith('0\r\n\r\n'));
    expect(read()).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    const [, chunks] = read().split(/(?<=\r\n\r\n)([\s\S]*)/);
    expect(chunks).toBe('c\r\nretry: 1000\n\r\n3\r\nabc\r\n3\r\nbye\r\n0\r\n\r\n');
  });

  it('is what was written, whatever the sizes and however it is read (property)', async () => {
    const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 300_000 })));
    await fc.assert(
      fc.asyncProperty(sizes, fc.boolean(), async (lengths, together) => {
        const answer = await answerOf('/');
        const body = bodies.at(-1) as ResponseBody;
        const parts = lengths.map((length, index) => Buffer.alloc(length, String.fromCharCode(97 + (index % 26))));
        const whole = buffer(answer);
        for (const part of parts) {
          body.write(part);
          if (!together) await eventually(() => !body.isBlocked);
        }
        await eventually(() => !body.isBlocked && !body.isMidway);
        body.end();
        expect((await whole).equals(Buffer.concat([OPENING, ...parts]))).toBe(true);
        expect(answer.complete).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('shares the bytes of a chunk among readers, each of which gets all of it', async () => {
    const readers = [send(getOf('/a')), send(getOf('/b')), send(getOf('/c'))];
    await bodyOf(2);
    const [one, two] = [Buffer.from('one'), Buffer.from('two!')];
    for (const bytes of [one, two, one]) for (const body of bodies) body.write(bytes);
    for (const { read } of readers) {
      await eventually(() => read().endsWith('3\r\none\r\n4\r\ntwo!\r\n3\r\none\r\n'));
    }
  });

  it('has no chunks for an HTTP/1.0 reader', async () => {
    const { socket, read } = send(getOf('/', '1.0'));
    const body = await bodyOf(0);
    body.write(Buffer.from('bare'));
    body.end();
    await once(socket, 'end');
    expect(read().slice(read().indexOf(HEAD_END) + 4)).toBe(`${OPENING}bare`);
  });
});

describe('a connection with more than one request', () => {
  it('serves the next one after a body has ended', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (const path of ['/1', '/2', '/3']) {
      const answer = await answerOf(path, agent);
      const body = bodies.at(-1) as ResponseBody;
      body.write(Buffer.from(`of ${path}`));
      body.end();
      expect((await buffer(answer)).toString()).toBe(`${OPENING}of ${path}`);
    }
    expect(await new Promise((resolve) => server.getConnections((_, count) => resolve(count)))).toBe(1);
    agent.destroy();
  });

  it('keeps the answers to pipelined requests apart, in their order', async () => {
    const { read } = send(getOf('/1') + getOf('/2'));
    const [first, second] = [await bodyOf(0), await bodyOf(1)];
    second.write(Buffer.from('second'));
    first.write(Buffer.from('first'));
    second.end();
    first.end(Buffer.from('first, too'));
    await eventually(() => read().split('0\r\n\r\n').length === 3);
    const [one, two] = read().split('0\r\n\r\n');
    expect(one).toMatch(/X-Path: \/1\r\n[\s\S]*5\r\nfirst\r\na\r\nfirst, too\r\n$/);
    expect(two).toMatch(/X-Path: \/2\r\n[\s\S]*6\r\nsecond\r\n$/);
  });

  it('holds the second response back until the first has ended', async () => {
    const { read } = send(getOf('/1') + getOf('/2'));
    const [first, second] = [await bodyOf(0), await bodyOf(1)];
    expect(second.write(LARGE)).toBe(false);
    expect(second.write(Buffer.from('too'))).toBe(false);
    first.end();
    await eventually(() => rooms === 1);
    second.end();
    await eventually(() => read().endsWith('too\r\n0\r\n\r\n'));
    expect(read().length).toBeGreaterThan(LARGE.length);
  });

  it('is not affected by a reader that had no room for the last bytes of the one before', async () => {
    const { socket, read } = send(getOf('/1'));
    const first = await bodyOf(0);
    socket.pause();
    first.write(LARGE);
    expect(first.isMidway).toBe(true);
    socket.resume();
    await eventually(() => rooms === 1);
    socket.pause();
    first.write(LARGE.subarray(0, 60_000));
    first.end();
    socket.write(getOf('/2'));
    socket.resume();
    const second = await bodyOf(1);
    second.write(Buffer.from('of the second'));
    second.end();
    await eventually(() => /of the second\r\n0\r\n\r\n$/.test(read()));
    expect(rooms).toBe(1);
  });
});

describe('a reader who takes nothing', () => {
  it('blocks the body, is sent no more than it takes, and gets everything in the end', async () => {
    const { socket, read } = send(getOf('/'));
    const body = await bodyOf(0);
    socket.pause();
    expect(body.write(LARGE)).toBe(false);
    expect(body.isBlocked).toBe(true);
    expect(body.write(Buffer.from('the rest'))).toBe(false);
    expect(rooms).toBe(0);
    socket.resume();
    await eventually(() => rooms === 1);
    expect([body.isBlocked, body.isMidway]).toEqual([false, false]);
    expect(body.write(Buffer.from('more'))).toBe(true);
    await eventually(() => read().endsWith('8\r\nthe rest\r\n4\r\nmore\r\n'));
  });

  it('causes no further reads when the end is on its way', async () => {
    const { socket, read } = send(getOf('/'));
    const body = await bodyOf(0);
    socket.pause();
    while (body.write(LARGE.subarray(0, 60_000)));
    body.end();
    expect(body.ended).toBe(true);
    socket.resume();
    await eventually(() => read().endsWith('0\r\n\r\n'));
    expect(rooms).toBe(0);
  });

  it('can be broken off midway, without a clean end', async () => {
    const answer = await answerOf('/');
    const body = bodies[0] as ResponseBody;
    answer.pause();
    body.write(LARGE);
    body.breakOff();
    await expect(buffer(answer)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(answer.complete).toBe(false);
  });
});

describe('a reader who has gone', () => {
  it('is released when it half-closes its connection', async () => {
    const { socket, read } = send(getOf('/'));
    const body = await bodyOf(0);
    body.write(Buffer.from('before'));
    socket.end();
    await once(socket, 'close');
    expect(read()).toContain('before');
    expect(body.write(Buffer.from('after'))).toBe(false);
  });

  it('is written to without harm', async () => {
    const { socket } = send(getOf('/'));
    const body = await bodyOf(0);
    socket.destroy();
    await eventually(() => !body.write(Buffer.from('to nobody')));
    body.breakOff();
    expect(body.write(Buffer.from('late'))).toBe(false);
  });
});
