import { Redis } from 'ioredis';

/** A connection that writes to its socket once per turn of the event loop: all commands that are given while a turn's
 *  sockets are read go together. The kernel's share of a command is larger than ours, and larger still when each command
 *  comes in a packet of its own.
 *
 *  What is given in the meantime waits until the sockets that were ready have been read: some microseconds when there is
 *  little to do, and as long as it takes to do it when there is much. */
export class BatchingRedis extends Redis {
  override sendCommand(...args: Parameters<Redis['sendCommand']>): unknown {
    // there is none before the first attempt to connect
    const socket: typeof this.stream | undefined = this.stream;
    if (socket?.writableCorked === 0) {
      socket.cork();
      setImmediate(() => socket.uncork());
    }
    return super.sendCommand(...args);
  }
}
