import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** How long a new connection may stay silent, milliseconds. Browsers open some before they need them. */
const SILENT_MS = 10_000;
/** How often to check for silent connections, milliseconds. */
const CHECK_MS = 1_000;

/** Why a connection was closed: `taken`: the limit was reached; `silent`: it sent nothing; `room`: it had sent no whole
 *  request, and a new one needed its slot. */
export type DropReason = 'taken' | 'silent' | 'room';

export interface ConnectionLimitOptions {
  /** most connections at a time */
  readonly max: number;
  readonly dropped: (reason: DropReason) => void;
  /** how long a connection may stay silent, milliseconds */
  readonly silentMs?: number;
}

/** Bounds the connections of a node, and keeps them for clients that send requests: strangers who only open connections
 *  cost the others nothing. */
export function limitConnections(
  fastify: FastifyInstance,
  { max, dropped, silentMs = SILENT_MS }: ConnectionLimitOptions,
): void {
  const { server } = fastify;
  /** connections that have not sent a whole head, oldest first, and when they came, ms of performance.now() */
  const newcomers = new Map<Socket, number>();
  const close = (socket: Socket, reason: DropReason) => {
    newcomers.delete(socket);
    if (socket.destroyed) return;
    socket.destroy();
    dropped(reason);
  };

  server.maxConnections = max;
  server.on('drop', () => dropped('taken'));
  server.on('connection', (socket: Socket) => {
    newcomers.set(socket, performance.now());
    server.getConnections((_, count) => {
      if (count >= max) makeRoomBeside(socket);
    });
  });
  fastify.addHook('onRequest', (request, _reply, done) => {
    newcomers.delete(request.raw.socket);
    done();
  });

  /** Closes the oldest connection without a request, so that the next client finds a free slot. */
  function makeRoomBeside(latest: Socket): void {
    for (const socket of newcomers.keys()) {
      if (socket === latest) return;
      const isOpen = !socket.destroyed;
      close(socket, 'room');
      if (isOpen) return;
    }
  }

  /** Closes silent connections. Node itself times those that have begun a head. */
  function closeSilent(): void {
    const latest = performance.now() - silentMs;
    for (const [socket, since] of newcomers) {
      if (socket.destroyed) newcomers.delete(socket);
      else if (since <= latest && socket.bytesRead === 0) close(socket, 'silent');
    }
  }

  server.once('listening', () => {
    const timer = setInterval(closeSilent, Math.min(CHECK_MS, silentMs));
    server.once('close', () => clearInterval(timer));
  });
}
