import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

// Below the ports that systems assign to outgoing connections (Linux from 32768, others from 49152): any client could
// take one of those before the intended server listens on it.
const FIRST = 15_000;
const COUNT = 17_000;
const TRIES = 100;

// consecutive from a random start, so that two processes seldom try the same port
let next = Math.floor(Math.random() * COUNT);

/** A port on loopback that nobody listens on now. It stays this process's own until the process ends: no other call
 *  returns it, in whichever process, also before its server listens and while its server restarts.
 *  @throws Error of the last try, when so many ports in a row are taken that something else is wrong */
export async function freePort(): Promise<number> {
  for (let tries = 1; ; tries += 1) {
    const port = FIRST + next;
    next = (next + 1) % COUNT;
    try {
      await reserve(port);
      await assertNobodyListens(port);
      return port;
    } catch (error) {
      if (tries === TRIES) throw error;
    }
  }
}

/** Takes the UDP port of the same number, which no server here uses: the system gives it to one process only. */
async function reserve(port: number): Promise<void> {
  const socket = createSocket('udp4').bind({ port, address: '127.0.0.1', exclusive: true });
  await once(socket, 'listening');
  socket.unref();
}

async function assertNobodyListens(port: number): Promise<void> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
}
