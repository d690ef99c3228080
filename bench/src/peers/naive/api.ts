/** Nest with `@Sse`: a job into the queue, and what comes on its channel to the client. Decorators are called as the
 *  functions that they are, because these scripts run without a build. */
import 'reflect-metadata';
import { Controller, Module, Query, Sse } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { Observable } from 'rxjs';
import { given, listening } from '../app-process.ts';
import { END, QUEUE } from './names.ts';

const url = given('REDIS_URL');
const queue = new Queue(QUEUE, { connection: { url } });
const subscriber = new Redis(url);
const listeners = new Map<string, (text: string) => void>();
subscriber.on('message', (channel: string, text: string) => listeners.get(channel)?.(text));

class ChatController {
  stream(query: string): Observable<{ data: object }> {
    const channel = `chat:${crypto.randomUUID()}`;
    return new Observable((client) => {
      listeners.set(channel, (text) => {
        if (text === END) client.complete();
        else client.next({ data: { text } });
      });
      const begin = async () => {
        await subscriber.subscribe(channel);
        await queue.add('chat', { channel, query }, { removeOnComplete: true });
      };
      begin().catch((error: unknown) => client.error(error));
      return () => {
        listeners.delete(channel);
        subscriber.unsubscribe(channel).catch(() => undefined);
      };
    });
  }
}
const stream = Object.getOwnPropertyDescriptor(ChatController.prototype, 'stream') as PropertyDescriptor;
Sse('stream')(ChatController.prototype, 'stream', stream);
Query('query')(ChatController.prototype, 'stream', 0);
Controller('chat')(ChatController);

class ChatModule {}
Module({ controllers: [ChatController] })(ChatModule);

const app = await NestFactory.create<NestFastifyApplication>(ChatModule, new FastifyAdapter(), { logger: ['error'] });
await app.listen(0, '127.0.0.1');
listening(app.getHttpServer().address());
