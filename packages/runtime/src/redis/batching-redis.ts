import { Redis } from 'ioredis';

/** A connection that writes to its socket once per turn: all commands that are given before the running callback and the
 *  promises that wait for it are through go together. The kernel's share of a command is larger than ours: when a
 *  thousand readers attach at once, a write for each command is a third of the work. */
export class BatchingRedis extends Redis {
  override sendCommand(...args: Parameters<Redis['sendCommand']>): unknown {
    // there is none before the first attempt to connect
    const socket: typeof this.stream | undefined = this.stream;
    if (socket?.writableCorked === 0) {
      socket.cork();
      process.nextTick(() => socket.uncork());
    }
    return super.sendCommand(...args);
  }
}
