import { promptOf } from '@millrace/simulated-model/paced';
import { processTree } from '../../measure/cpu.ts';
import { startApp } from '../app-process.ts';
import { startOwnRedis } from '../own-redis.ts';
import type { Peer, RunningPeer } from '../peer.ts';
import { startPlainProxy } from '../plain-proxy.ts';
import { requestText } from '../request-text.ts';

/** What most articles describe: a queue, pub/sub and Nest's server-sent events. */
export const naive: Peer = {
  id: 'naive',
  start: startNaive,
};

async function startNaive(model: { readonly url: string }): Promise<RunningPeer> {
  await using started = new AsyncDisposableStack();
  const redis = started.use(await startOwnRedis());
  const env = { MODEL_URL: model.url, REDIS_URL: redis.url };
  const worker = started.use(await startApp(new URL('worker.ts', import.meta.url), env));
  const api = started.use(await startApp(new URL('api.ts', import.meta.url), env));
  const proxy = started.use(await startPlainProxy([api.port]));
  const running = started.move();
  return {
    ask: (plan) => {
      const path = `/chat/stream?query=${encodeURIComponent(promptOf(plan))}`;
      return { port: proxy.port, text: requestText({ method: 'GET', path }) };
    },
    get pids() {
      return { worker: [worker.child.pid], relay: [api.child.pid], nginx: processTree(proxy.child.pid) };
    },
    redisUrl: redis.url,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
