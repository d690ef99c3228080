import { fileURLToPath } from 'node:url';
import { promptOf, type TokenPlan } from '@millrace/simulated-model/paced';
import { freePort, newKeyPrefix, type SpawnedService, spawnService, startNginx } from '@millrace/testing';
// @boundaries-ignore the proxy's configuration is no package, and part of what is measured
import { proxyFiles, UNLIMITED } from '../../../../infra/nginx/render.mjs';
import { processTree } from '../../measure/cpu.ts';
import { startOwnRedis } from '../own-redis.ts';
import type { RawRequest, RunningPeer } from '../peer.ts';
import { requestText } from '../request-text.ts';

/** The built system, with more about it than the other peers have. */
export interface RunningMillrace extends RunningPeer {
  /** as clients reach it: through nginx */
  readonly url: string;
  readonly api: SpawnedService;
  readonly worker: SpawnedService;
  readonly redisUrl: string;
  /** as {@link RunningPeer.ask}, with stamps that say when the worker had each token */
  askStamping(plan: TokenPlan): RawRequest;
  /** the request that watches a job from its beginning, or from after an event, through nginx or past it */
  watch(id: string, options?: { readonly after?: string; readonly pastNginx?: boolean }): RawRequest;
}

/** A load of thousands of streams is one caller here, and all of them are to run at a time. Nothing else differs from
 *  the defaults, but that what is quiet in the peers (a line per transition) is quiet here, and that it ends at once. */
const SETTINGS = {
  MILLRACE_WORKER_CONCURRENCY: '6000',
  MILLRACE_MAX_JOBS_PER_TENANT: '100000',
  MILLRACE_MAX_STREAMS_PER_TENANT: '100000',
  MILLRACE_MAX_QUEUED_JOBS: '100000',
  MILLRACE_LOG_LEVEL: 'warn',
  MILLRACE_DRAIN_MS: '0',
  MILLRACE_LINGER_MS: '0',
  MILLRACE_PIPELINES: fileURLToPath(new URL('stamping-pipeline.ts', import.meta.url)),
};

/** Starts one API, one worker, one Redis and Millrace's own nginx.
 *  @param env beyond the settings of every run
 *  @param build whose it is: `root`, the folder of another version; this one's when left out */
export async function startMillrace(
  model: { readonly url: string },
  env: Readonly<Record<string, string>> = {},
  build: { readonly root?: string } = {},
): Promise<RunningMillrace> {
  await using started = new AsyncDisposableStack();
  const redis = started.use(await startOwnRedis());
  const all = {
    REDIS_URL: redis.url,
    OPENAI_BASE_URL: model.url,
    MILLRACE_KEY_PREFIX: newKeyPrefix(),
    ...SETTINGS,
    ...env,
  };
  const worker = started.use(await spawnService('worker', all, build));
  const api = started.use(await spawnService('api', all, build));
  const port = await freePort();
  const files = proxyFiles({ listen: `127.0.0.1:${port}`, nodes: [`127.0.0.1:${api.port}`], limits: UNLIMITED });
  const proxy = started.use(await startNginx({ files, port }));
  const running = started.move();
  const create = (body: object) => ({ port, text: requestText({ path: '/jobs', body }) });
  return {
    ask: (plan) => create({ query: promptOf(plan) }),
    askStamping: (plan) => create({ query: promptOf({ ...plan, stamped: false }), pipeline: 'stamping' }),
    watch: (id, { after, pastNginx = false } = {}) => ({
      port: pastNginx ? api.port : port,
      text: requestText({
        method: 'GET',
        path: `/jobs/${id}/stream`,
        headers: after === undefined ? {} : { 'last-event-id': after },
      }),
    }),
    url: proxy.url,
    api,
    worker,
    get pids() {
      return { worker: [worker.pid], relay: [api.pid], nginx: processTree(proxy.child.pid) };
    },
    redisUrl: redis.url,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
