import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { redisFactory as connectTo, type Logger, redisUrlsOf, scriptLatency } from '@millrace/runtime';
import { timeScripts } from '@millrace/stream-log';
import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { appModule } from './app.module.ts';
import { type Authenticator, authenticateBeforeBodies } from './auth/authenticator.ts';
import { installQueueBoard } from './console/queue-board.ts';
import { announceDemonstration, DemonstrationModule } from './demonstration/demonstration.module.ts';
import { Metrics } from './health/metrics.ts';
import { Readiness } from './health/readiness.ts';
import { OpenStreams } from './relay/open-streams.ts';
import { installDocs } from './routes/openapi/docs.ts';
import { limitConnections } from './server/connection-limit.ts';
import { Connections } from './server/connections.ts';
import { corsOptions } from './server/cors.ts';
import { fastifyAdapter } from './server/fastify-adapter.ts';
import { NestLog } from './server/nest-log.ts';
import { defaultMaxConnections } from './server/open-files.ts';
import { installRequestMetrics } from './server/request-metrics.ts';
import { StalledReaders } from './server/stalled-readers.ts';
import { installWebPage } from './server/web-page.ts';
import type { ApiSettings } from './settings.ts';
import type { ShardPorts } from './shards/shard-ports.ts';
import { AUTHENTICATOR, SHARD_PORTS } from './tokens.ts';

/** How long running requests get before a node closes, milliseconds. With Redis down, they are answered within 2 s. */
const ANSWER_MS = 2_500;

/** How many connections the kernel accepts while this process is busy; Node's default is 511. Beyond it the kernel drops a
 *  proxy's SYN, which is repeated after a second, so that a crowd would find no node. Linux allows
 *  `net.core.somaxconn`, 4,096. */
const BACKLOG = 4_096;

/** A running API node. */
export interface Api {
  readonly nest: NestFastifyApplication;
  /** @returns the URL it answers at */
  listen(): Promise<string>;
  /** Becomes unready and sends all streams to other nodes, without a terminal event. Answers new requests until a proxy has
   *  had time to notice. @see PROTOCOL.md §8 */
  drain(): Promise<void>;
  /** Refuses new connections, waits for running requests and until proxies close their connections, and then ends
   *  everything, including connections to Redis. */
  close(): Promise<void>;
}

export interface AppOptions {
  /** replaces the authenticator that the settings choose */
  readonly authenticator?: Authenticator | undefined;
  /** further modules with routes of their own */
  readonly modules?: readonly Type[] | undefined;
}

/** Builds an API node, which does not listen yet. It does not read the environment. */
export async function createApp(
  settings: ApiSettings,
  logger: Logger,
  { authenticator, modules = [] }: AppOptions = {},
): Promise<Api> {
  const { urls } = redisUrlsOf(settings);
  const redisFactories = urls.map((url, shard) =>
    connectTo(url, { name: urls.length === 1 ? 'millrace-api' : `millrace-api-s${shard}`, logger }),
  );
  const stalledReaders = new StalledReaders(settings.MILLRACE_STALL_TIMEOUT_MS);
  const adapter = fastifyAdapter(settings, stalledReaders);
  const fastify = adapter.getInstance();
  const connections = new Connections(fastify);
  const demonstration = settings.MILLRACE_DEMONSTRATION;
  const nest = await NestFactory.create<NestFastifyApplication>(
    appModule(
      { settings, logger, redisFactories, stalledReaders, authenticator },
      demonstration === undefined ? modules : [...modules, DemonstrationModule],
    ),
    adapter,
    { bodyParser: false, logger: new NestLog(logger), abortOnError: false },
  );
  if (demonstration !== undefined) announceDemonstration(nest, demonstration);
  const streams = nest.get(OpenStreams);
  authenticateBeforeBodies(fastify, nest.get(AUTHENTICATOR));
  const metrics = nest.get(Metrics);
  installRequestMetrics(fastify, metrics);
  const latency = scriptLatency(metrics.registry);
  for (const { redis } of nest.get<readonly ShardPorts[]>(SHARD_PORTS)) timeScripts(redis, latency);
  limitConnections(fastify, {
    max: settings.MILLRACE_MAX_CONNECTIONS ?? defaultMaxConnections(),
    dropped: (reason) => metrics.connectionDropped(reason),
  });
  if (settings.MILLRACE_CORS_ORIGINS.length > 0) nest.enableCors(corsOptions(settings.MILLRACE_CORS_ORIGINS));
  await installDocs(nest);
  await installQueueBoard(nest);
  if (settings.MILLRACE_WEB_ROOT !== undefined) await installWebPage(nest, settings.MILLRACE_WEB_ROOT);

  const { MILLRACE_DRAIN_MS: drainMs, MILLRACE_LINGER_MS: lingerMs } = settings;
  return {
    nest,
    listen: async () => {
      await nest.listen({ port: settings.PORT, host: settings.HOST, backlog: BACKLOG });
      return nest.getUrl();
    },
    drain: async () => {
      nest.get(Readiness).drain();
      await Promise.all([streams.drain(drainMs), sleep(lingerMs)]);
    },
    close: async () => {
      nest.get(Readiness).drain();
      await connections.stopListening();
      nest.get(Readiness).leave();
      streams.leave();
      await connections.settle({ idleMs: lingerMs, answerMs: ANSWER_MS });
      await nest.close();
      for (const factory of redisFactories) factory.close();
    },
  };
}
