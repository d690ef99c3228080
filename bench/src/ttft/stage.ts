import { type SimulatedModel, startModel } from '@millrace/simulated-model';
import { freePort, spawnService, startNginx, startRedis, type TestNginx } from '@millrace/testing';
// @boundaries-ignore the proxy's configuration is no package, and the very thing that is measured
import { proxyFiles, UNLIMITED } from '../../../infra/nginx/render.mjs';
import { answerOnTime } from './simulated-answer.ts';

/** `unbuffered`: as Millrace is deployed · `defaults`: nginx's own, it buffers and speaks HTTP/1.0 to the API ·
 *  `buffered`: ours, but for the buffering */
export type ProxyKind = 'unbuffered' | 'defaults' | 'buffered';

/** The built system with three nginx in front of one API, so that only the proxy differs between measurements. */
export interface Stage extends AsyncDisposable {
  readonly model: SimulatedModel;
  /** where each nginx listens */
  readonly urls: Readonly<Record<ProxyKind, string>>;
}

/** Starts everything; settled when it is ready. */
export async function openStage(): Promise<Stage> {
  await using started = new AsyncDisposableStack();
  const model = started.use(await startModel());
  model.answer(answerOnTime);
  const redis = started.use(await startRedis());
  const env = { REDIS_URL: redis.url, OPENAI_BASE_URL: model.baseUrl };
  const api = started.use(await spawnService('api', env));
  started.use(await spawnService('worker', env));
  const proxy = async (kind: ProxyKind) => started.use(await startProxy(kind, `127.0.0.1:${api.port}`)).url;
  const urls = {
    unbuffered: await proxy('unbuffered'),
    defaults: await proxy('defaults'),
    buffered: await proxy('buffered'),
  };
  const running = started.move();
  return { model, urls, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

async function startProxy(kind: ProxyKind, node: string): Promise<TestNginx> {
  const port = await freePort();
  const files = proxyFiles({
    listen: `127.0.0.1:${port}`,
    nodes: [node],
    bufferStreams: kind !== 'unbuffered',
    limits: UNLIMITED,
  });
  if (kind === 'buffered') {
    files['conf.d/millrace.conf'] = files['conf.d/millrace.conf'].replaceAll(
      'proxy_http_version 1.0;',
      'proxy_http_version 1.1;',
    );
  }
  return startNginx({ files, port });
}
