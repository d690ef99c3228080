import { once } from 'node:events';
import { createServer } from 'node:net';

// Below the ports that systems give to outgoing connections (Linux from 32768, others from 49152): one of those could
// be taken by any client before the server that it was chosen for begins to listen.
const FIRST = 15_000;
const COUNT = 17_000;
const TRIES = 100;

// in turn, so that no call gives what another has just given; from anywhere, for the sake of other processes
let next = Math.floor(Math.random() * COUNT);

/** A port on loopback that nobody listens on at this moment.
 *  @throws Error so many in a row are taken that something else is wrong; the last one's */
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
