import { once } from 'node:events';
import { createServer } from 'node:net';

// Below the ports that systems assign to outgoing connections (Linux from 32768, others from 49152): any client could
// take one of those before the intended server listens on it.
const FIRST = 15_000;
const COUNT = 17_000;
const TRIES = 100;

// consecutive, so that no two calls return the same port; a random start keeps other processes apart
let next = Math.floor(Math.random() * COUNT);

/** A port on loopback that nobody listens on now.
 *  @throws Error of the last try, when so many ports in a row are taken that something else is wrong */
export async function freePort(): Promise<number> {
  for (let tries = 1; ; tries += 1) {
    const port = FIRST + next;
    next = (next + 1) % COUNT;
    try {
      const server = createServer().listen(port, '127.0.0.1');
      await once(server, 'listening');
      server.close();
      await once(server, 'close');
      return port;
    } catch (error) {
      if (tries === TRIES) throw error;
    }
  }
}
