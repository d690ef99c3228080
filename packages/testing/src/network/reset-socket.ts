import type { Socket } from 'node:net';

/** Resets a connection (RST). A connection whose end is already on its way is destroyed without a reset: libuv refuses
 *  to reset it (`EINVAL`), and Node then does not close the socket, and spins at its own exit waiting for it. */
export function resetSocket(socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy();
  else socket.resetAndDestroy();
}
