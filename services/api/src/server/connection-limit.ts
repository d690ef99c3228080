import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** How long a connection may be there without a word, milliseconds. Browsers open some before they need them. */
const SILENT_MS = 10_000;
const LOOK_MS = 1_000;

/** Why a connection was closed: all places were `taken`, it was `silent`, or had asked nothing and made `room`. */
export type DropReason = 'taken' | 'silent' | 'room';

export interface PlacesOptions {
  /** connections at a time */
  readonly most: number;
  readonly dropped: (reason: DropReason) => void;
  /** how long one may be silent, milliseconds */
  readonly silentMs?: number;
}

/** Keeps the places of a node for those who ask for something: a stranger who only opens connections costs others none. */
export function keepPlaces(fastify: FastifyInstance, { most, dropped, silentMs = SILENT_MS }: PlacesOptions): void {
  const { server } = fastify;
  /** those that have not sent a whole head, the oldest first, and when they came, ms of performance.now() */
  const newcomers = new Map<Socket, number>();
  const close = (socket: Socket, reason: DropReason) => {
    newcomers.delete(socket);
    if (socket.destroyed) return;
    socket.destroy();
    dropped(reason);
  };

  server.maxConnections = most;
  server.on('drop', () => dropped('taken'));
  server.on('connection', (socket: Socket) => {
    newcomers.set(socket, performance.now());
    server.getConnections((_, count) => {
      if (count >= most) makeRoomBeside(socket);
    });
  });
  fastify.addHook('onRequest', (request, _reply, done) => {
    newcomers.delete(request.raw.socket);
    done();
  });

  /** The next to come has a place when an older one goes that has not asked for anything. */
  function makeRoomBeside(latest: Socket): void {
    for (const socket of newcomers.keys()) {
      if (socket === latest) return;
      const isOpen = !socket.destroyed;
      close(socket, 'room');
      if (isOpen) return;
    }
  }

  /** Those who have begun a head have Node's time for it. */
  function look(): void {
    const latest = performance.now() - silentMs;
    for (const [socket, since] of newcomers) {
      if (socket.destroyed) newcomers.delete(socket);
      else if (since <= latest && socket.bytesRead === 0) close(socket, 'silent');
    }
  }

  server.once('listening', () => {
    const timer = setInterval(look, Math.min(LOOK_MS, silentMs));
    server.once('close', () => clearInterval(timer));
  });
}
