import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../latches/eventually.ts';
import { type FaultProxy, startFaultProxy } from './start-fault-proxy.ts';

let echo: Server;
let served: Set<Socket>;
let proxy: FaultProxy;
let clients: Client[];

beforeEach(async () => {
  served = new Set();
  echo = createServer((socket) => {
    served.add(socket);
    socket.on('error', () => undefined).on('close', () => served.delete(socket));
    socket.pipe(socket);
  });
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const address = echo.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  proxy = await startFaultProxy({ target: address.port });
  clients = [];
});

afterEach(async () => {
  for (const client of clients) client.socket.destroy();
  await proxy[Symbol.asyncDispose]();
  for (const socket of served) socket.destroy();
  echo.close();
  await once(echo, 'close');
});

/** A connection through the proxy that records what it receives. */
class Client {
  heard = '';
  error: string | undefined;

  constructor(readonly socket: Socket) {
    socket.on('data', (bytes) => {
      this.heard += bytes;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error.code;
    });
  }

  static async open(): Promise<Client> {
    const socket = connect(proxy.port, '127.0.0.1');
    const client = new Client(socket);
    clients.push(client);
    await once(socket, 'connect');
    return client;
  }

  /** Sends something and waits for its echo. */
  async echo(text: string): Promise<void> {
    const wanted = this.heard + text;
    this.socket.write(text);
    await eventually(() => this.heard === wanted, { everyMs: 2 });
  }

  closed(): Promise<unknown> {
    return this.socket.closed ? Promise.resolve() : new Promise((resolve) => this.socket.once('close', resolve));
  }
}

describe('a fault proxy', () => {
  it('passes everything on in order, including the end of a connection', async () => {
    const client = await Client.open();
    const long = Array.from({ length: 100_000 }, (_, i) => `${i} `).join('');
    await client.echo(long);
    client.socket.end('last');
    await client.closed();
    expect([client.heard === `${long}last`, client.error]).toEqual([true, undefined]);
    await eventually(() => proxy.open === 0 && served.size === 0);
  });

  it('delays each direction by the latency, and keeps the order when healed', async () => {
    const client = await Client.open();
    proxy.latency(60);
    const before = performance.now();
    await client.echo('slow');
    expect(performance.now() - before).toBeGreaterThanOrEqual(118);
    client.socket.write(' first');
    await eventually(() => proxy.open === 1);
    proxy.heal();
    client.socket.write(' second');
    await eventually(() => client.heard === 'slow first second');
  });

  it('throttles to a number of bytes per second', async () => {
    const client = await Client.open();
    proxy.throttle(10_000);
    const before = performance.now();
    await client.echo('x'.repeat(2_000));
    expect(performance.now() - before).toBeGreaterThan(150);
    expect(() => proxy.throttle(0)).toThrow(RangeError);
  });

  it('resets all open connections on both sides; a new one works', async () => {
    const [one, other] = [await Client.open(), await Client.open()];
    await Promise.all([one.echo('a'), other.echo('b')]);
    proxy.reset();
    await Promise.all([one.closed(), other.closed()]);
    expect([one.error, other.error]).toEqual(['ECONNRESET', 'ECONNRESET']);
    await eventually(() => served.size === 0);
    await (await Client.open()).echo('works');
  });

  it('refuses new connections until healed', async () => {
    const client = await Client.open();
    proxy.refuse(true);
    await client.closed();
    // the reset may come before or after `connect`
    const late = new Client(connect(proxy.port, '127.0.0.1'));
    await late.closed();
    expect([client.error, late.error]).toEqual(['ECONNRESET', 'ECONNRESET']);
    proxy.heal();
    await (await Client.open()).echo('works');
  });

  it('cuts each connection after a number of bytes from the target, and counts the cuts', async () => {
    proxy.cutAfter(5);
    for (const cuts of [1, 2]) {
      const client = await Client.open();
      client.socket.write('0123456789');
      await client.closed();
      expect([client.heard, client.error, proxy.cuts]).toEqual(['01234', 'ECONNRESET', cuts]);
    }
    proxy.heal();
    await (await Client.open()).echo('0123456789');
  });

  it('cuts a connection before its next byte, and lets nothing past the hole when the limit is raised', async () => {
    const client = await Client.open();
    await client.echo('heard');
    proxy.cutAfter(0);
    client.socket.write('lost');
    await client.closed();
    expect([client.heard, client.error]).toEqual(['heard', 'ECONNRESET']);
    proxy.heal();
  });

  it('asks where to cut for each connection', async () => {
    const limits = [2, 4];
    proxy.cutAfter(() => limits.shift() ?? Number.POSITIVE_INFINITY);
    const heard: string[] = [];
    for (let count = 0; count < 2; count += 1) {
      const client = await Client.open();
      client.socket.write('012345');
      await client.closed();
      heard.push(client.heard);
    }
    expect(heard).toEqual(['01', '0123']);
  });

  it('delivers the filtered bytes of a connection that opened after the filter was set', async () => {
    const before = await Client.open();
    await before.echo('a');
    proxy.filter(() => (bytes) => Buffer.from(String(bytes).replaceAll('x', '')));
    const client = await Client.open();
    client.socket.write('1x2x3');
    before.socket.write('x');
    await eventually(() => client.heard === '123' && before.heard === 'ax');
    proxy.heal();
    await (await Client.open()).echo('x');
  });

  it('accepts and swallows while blackholed, without a reset; healed, only new and idle connections work', async () => {
    const [talking, idle] = [await Client.open(), await Client.open()];
    await Promise.all([talking.echo('a'), idle.echo('b')]);
    proxy.blackhole(true);
    const late = await Client.open();
    talking.socket.write('lost');
    late.socket.write('lost');
    await expect(eventually(() => talking.socket.closed || late.heard !== '', { timeoutMs: 200 })).rejects.toThrow();
    proxy.heal();
    await idle.echo('still there');
    await (await Client.open()).echo('new');
    talking.socket.write('more');
    await expect(eventually(() => talking.heard !== 'a', { timeoutMs: 100 })).rejects.toThrow();
  });

  it('hides the end of a connection from the other side while blackholed', async () => {
    const client = await Client.open();
    await client.echo('a');
    proxy.blackhole(true);
    client.socket.destroy();
    await expect(eventually(() => served.size === 0, { timeoutMs: 100 })).rejects.toThrow();
    proxy.heal();
    await eventually(() => served.size === 0);
  });

  it('swallows the traffic of single connections, both ways, and leaves the others alone', async () => {
    const [chosen, other] = [await Client.open(), await Client.open()];
    await chosen.echo('a');
    const [first] = served;
    expect(proxy.swallow([first?.remotePort ?? 0, 1])).toBe(1);
    chosen.socket.write('lost');
    first?.write('lost');
    await expect(eventually(() => chosen.heard !== 'a', { timeoutMs: 100 })).rejects.toThrow();
    await other.echo('b');
  });
});
