import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { redisFactory as connectTo, type Logger } from '@millrace/runtime';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { appModule } from './app.module.ts';
import { Authenticator, refuseBodiesOfStrangers } from './auth/authenticator.ts';
import { Metrics } from './health/metrics.ts';
import { Readiness } from './health/readiness.ts';
import { OpenStreams } from './relay/open-streams.ts';
import { installDocs } from './routes/openapi/docs.ts';
import { keepPlaces } from './server/connection-limit.ts';
import { Connections } from './server/connections.ts';
import { corsOptions } from './server/cors.ts';
import { fastifyAdapter, installRequestMetrics } from './server/fastify-adapter.ts';
import { NestLog } from './server/nest-log.ts';
import { mostConnections } from './server/open-files.ts';
import { installWebPage } from './server/web-page.ts';
import type { ApiSettings } from './settings.ts';

/** Requests under way get this long before a node closes: a dead Redis answers within 2 s. */
const ANSWER_MS = 2_500;

/** Connections that the kernel takes in while this process is busy; Node's default is 511. Beyond it a proxy's SYN is
 *  dropped, and it comes again after a second: a crowd that arrives at once would be told that no node answers. Linux
 *  takes no more than `net.core.somaxconn`, which is 4,096. */
const BACKLOG = 4_096;

/** A running API node. */
export interface Api {
  readonly nest: NestFastifyApplication;
  /** @returns the URL it answers at */
  listen(): Promise<string>;
  /** Turns unready and sends every stream elsewhere, without a terminal event. New requests are answered until a proxy
   *  has had time to notice. @see PROTOCOL.md §8 */
  drain(): Promise<void>;
  /** Takes no new connection, waits for requests under way and for a proxy to let go of its connections, and ends
   *  everything, connections to Redis included. */
  close(): Promise<void>;
}

/** Builds an API node. Nothing is read from the environment; it does not listen yet. */
export async function createApp(settings: ApiSettings, logger: Logger): Promise<Api> {
  const redisFactory = connectTo(settings.REDIS_URL, { name: 'millrace-api', logger });
  const adapter = fastifyAdapter(settings);
  const connections = new Connections(adapter.getInstance());
  const nest = await NestFactory.create<NestFastifyApplication>(
    appModule({ settings, logger, redisFactory }),
    adapter,
    { bodyParser: false, logger: new NestLog(logger), abortOnError: false },
  );
  const streams = nest.get(OpenStreams);
  refuseBodiesOfStrangers(adapter.getInstance(), nest.get(Authenticator));
  const metrics = nest.get(Metrics);
  installRequestMetrics(adapter, metrics);
  keepPlaces(adapter.getInstance(), {
    most: settings.MILLRACE_MAX_CONNECTIONS ?? mostConnections(),
    dropped: (reason) => metrics.connectionDropped(reason),
  });
  if (settings.MILLRACE_CORS_ORIGINS.length > 0) nest.enableCors(corsOptions(settings.MILLRACE_CORS_ORIGINS));
  await installDocs(nest);
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
      streams.leave();
      await connections.settle({ idleMs: lingerMs, answerMs: ANSWER_MS });
      await nest.close();
      redisFactory.close();
    },
  };
}
