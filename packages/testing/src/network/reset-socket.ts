import type { Socket } from 'node:net';

/** Resets a connection (RST). One whose end is on its way already is cut off without: libuv refuses to reset it
 *  (`EINVAL`), and Node then neither closes the socket nor gets through its own exit, where it waits for it, busily. */
export function resetSocket(socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy();
  else socket.resetAndDestroy();
}
