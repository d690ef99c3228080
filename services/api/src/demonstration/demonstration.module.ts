import { Module } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { JobsModule } from '../jobs/jobs.module.ts';
import { DemonstrationController } from './demonstration.controller.ts';
import { KillWorker } from './kill-worker.ts';

/** Routes that exist under `npm start` alone (MILLRACE_DEMONSTRATION). */
@Module({ imports: [JobsModule], controllers: [DemonstrationController], providers: [KillWorker] })
export class DemonstrationModule {}

/** Tells the page what it may offer, with every answer: a page elsewhere asks for nothing that is not there. */
export function announceDemonstration(nest: NestFastifyApplication, offer: string): void {
  nest
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', (_request, reply, done) => {
      reply.header('Millrace-Demonstration', offer);
      done();
    });
}
