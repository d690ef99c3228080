import { randomBytes } from 'node:crypto';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Resolver } from '@millrace/runtime';
import type { JobOutline } from '@millrace/stream-log';
import { WebhookSender } from './webhook-sender.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A receiver that answers whatever bytes it is told to. */
async function receiver(answer: (socket: Socket) => void): Promise<{ port: number; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {
      // the sender has heard enough
    });
    socket.once('data', () => answer(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

function sender(allowed: readonly string[], resolve?: Resolver): WebhookSender {
  const made = new WebhookSender({
    ...{ reader: { outline: async () => null }, secret: `whsec_${randomBytes(32).toString('base64')}`, allowed },
    ...(resolve === undefined ? {} : { resolve }),
  });
  closing.push(() => made.close());
  return made;
}

const notice = (url: string) => ({ id: 'msg_1', url: new URL(url), body: '{}' });

/** A resolver that says the next address each time it is asked, and how often that was. */
function resolving(...addresses: readonly string[]): { resolve: Resolver; asked: string[] } {
  const asked: string[] = [];
  const resolve: Resolver = (hostname, _, callback) => {
    const address = addresses[Math.min(asked.push(hostname), addresses.length) - 1] ?? '';
    callback(null, [{ address, family: address.includes(':') ? 6 : 4 }]);
  };
  return { resolve, asked };
}

const first = (resolve: Resolver) =>
  new Promise((settle) => resolve('hooks.example', { all: true }, (_, [found]) => settle(found?.address)));

describe('a webhook whose name changes its address', () => {
  it.each(['127.0.0.1', '::1', '::ffff:127.0.0.1', '169.254.169.254', '10.0.0.1'])(
    'is refused at the connection that would lead to %s, and nothing is sent',
    async (address) => {
      const inside = await receiver((socket) => socket.end('HTTP/1.1 204 No Content\r\n\r\n'));
      const { resolve, asked } = resolving('93.184.216.34', address);
      // whoever checks the name first is told a public address
      expect(await first(resolve)).toBe('93.184.216.34');
      const sent = await sender([], resolve).send(notice(`http://hooks.example:${inside.port}/`));
      expect(sent).toEqual({ outcome: 'failed', reason: 'leads into a private network' });
      expect([asked.length, inside.sockets.length]).toEqual([2, 0]);
    },
  );

  it('is not followed to where a redirect leads', async () => {
    const inside = await receiver((socket) => socket.end('HTTP/1.1 204 No Content\r\n\r\n'));
    const target = `http://other.example:${inside.port}/`;
    const outside = await receiver((socket) =>
      socket.end(`HTTP/1.1 307 Temporary Redirect\r\nLocation: ${target}\r\nContent-Length: 0\r\n\r\n`),
    );
    const { resolve, asked } = resolving('127.0.0.1');
    // allowed, so that the first step works on loopback
    const sent = await sender(['hooks.example', 'other.example'], resolve).send(
      notice(`http://hooks.example:${outside.port}/`),
    );
    expect(sent).toEqual({ outcome: 'failed', reason: 'answered 307' });
    expect([asked, inside.sockets.length]).toEqual([['hooks.example'], 0]);
  });
});

const MIB = 1024 * 1024;

/** Writes the head, then bytes until the sender closes the connection. */
function endless(head: string, piece: Uint8Array = Buffer.alloc(MIB, 'x')): (socket: Socket) => void {
  return (socket) => {
    socket.write(head);
    const write = () => {
      while (!socket.destroyed && socket.write(piece));
      if (!socket.destroyed) socket.once('drain', write);
    };
    write();
  };
}

describe('what a receiver of webhooks answers', () => {
  it.each([
    ['a body without end', endless('HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n'), 'delivered'],
    ['chunks without end', endless('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', chunk()), 'delivered'],
    ['an error without end', endless('HTTP/1.1 500 No\r\nContent-Length: 1000000000000\r\n\r\n'), 'failed'],
    ['headers without end', endless('HTTP/1.1 200 OK\r\n', Buffer.from(`X-A: ${'x'.repeat(1_000)}\r\n`)), 'failed'],
    ['a header without end', endless('HTTP/1.1 200 OK\r\nX-A: '), 'failed'],
    ['no HTTP', endless('{"deep":', Buffer.from('{"deep":')), 'failed'],
  ])('is not read further than its head: %s', async (_, answer, outcome) => {
    const { port, sockets } = await receiver(answer);
    const sent = await sender(['127.0.0.1']).send(notice(`http://127.0.0.1:${port}/`));
    expect(sent.outcome).toBe(outcome);
    const [socket] = sockets;
    if (!socket?.destroyed) await new Promise((resolve) => socket?.once('close', resolve));
    expect(socket?.bytesWritten).toBeLessThan(64 * MIB);
  });
});

function chunk(): Buffer {
  return Buffer.from(`100000\r\n${'x'.repeat(MIB)}\r\n`);
}

describe('a webhook whose job has left Redis for the archive', () => {
  it('is told of it all the same, and of one that nobody has nobody is told', async () => {
    const ref = 't.a-job-0123456789';
    const outline = {
      ...{ ref, jobId: 'a-job-0123456789', tenant: 't', status: 'completed', pipeline: 'chat', model: 'm', attempt: 1 },
      ...{ createdAt: 1, startedAt: 2, firstTokenAt: 3, finishedAt: 4, lastEventId: '1-3', usage: null, error: null },
      ...{ metadata: {}, threadId: null, output: null, interrupts: [], unreadable: null, traceparent: null },
      webhook: 'https://hooks.example/',
    } as unknown as JobOutline;
    let isThawed = false;
    const made = new WebhookSender({
      reader: { outline: async () => (isThawed ? outline : null) },
      archived: {
        thaw: async (asked) => {
          isThawed = asked === ref;
          return isThawed;
        },
      },
      ...{ secret: `whsec_${randomBytes(32).toString('base64')}`, allowed: [] },
    });
    closing.push(() => made.close());
    expect(await made.read('t.nobody-0123456789')).toBeNull();
    expect(await made.read(ref)).toMatchObject({ url: new URL('https://hooks.example/') });
  });
});
