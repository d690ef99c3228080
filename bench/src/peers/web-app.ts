import { promptOf, type TokenPlan } from '@millrace/simulated-model/paced';
import { processTree } from '../measure/cpu.ts';
import { startApp } from './app-process.ts';
import { startOwnRedis } from './own-redis.ts';
import type { RunningPeer } from './peer.ts';
import { startPlainProxy } from './plain-proxy.ts';
import { requestText } from './request-text.ts';

/** As many as Millrace has: an API and a worker. */
const PROCESSES = 2;

interface WebAppOptions {
  /** answers what {@link request} asks by a stream */
  readonly script: URL;
  /** `POST /chat` with `{"query"}` when left out */
  readonly request?: (plan: TokenPlan) => string;
  readonly model: { readonly url: string };
  /** whether it needs a Redis */
  readonly redis: boolean;
}

/** Starts a web application that does everything in one process: two of these, with nginx before them. */
export async function startWebApp(options: WebAppOptions): Promise<RunningPeer> {
  const { script, model, redis: needsRedis, request = chat } = options;
  await using started = new AsyncDisposableStack();
  const redis = needsRedis ? started.use(await startOwnRedis()) : null;
  const env = { MODEL_URL: model.url, ...(redis === null ? {} : { REDIS_URL: redis.url }) };
  const apps = await Promise.all(Array.from({ length: PROCESSES }, () => startApp(script, env)));
  for (const app of apps) started.use(app);
  const proxy = started.use(await startPlainProxy(apps.map(({ port }) => port)));
  const running = started.move();
  return {
    ask: (plan) => ({ port: proxy.port, text: request(plan) }),
    get pids() {
      return { app: apps.map(({ child }) => child.pid), nginx: processTree(proxy.child.pid) };
    },
    redisUrl: redis?.url ?? null,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function chat(plan: TokenPlan): string {
  return requestText({ path: '/chat', body: { query: promptOf(plan) } });
}
