import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { SystemHarness } from './system-harness.ts';

/** More than Node's own backlog of 511, and less than Linux's limit (net.core.somaxconn). */
const CROWD = 1_500;

// other systems limit the backlog to 128
const onLinux = process.platform === 'linux' ? it : it.skip;

describe('a crowd that arrives at once', () => {
  onLinux('is taken in while the API nodes have no time for it', async () => {
    await using system = await SystemHarness.start({ processes: 1 });
    using sockets = new DisposableStack();
    for (const node of system.apis) {
      node.pause();
      const connected = Array.from({ length: CROWD }, () => {
        const socket = connect(node.port, '127.0.0.1');
        sockets.defer(() => socket.destroy());
        return once(socket, 'connect');
      });
      await Promise.all(connected);
      node.resume();
    }
    expect((await fetch(`${system.url}/healthz`)).status).toBe(200);
  });
});
