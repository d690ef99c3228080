import { Module } from '@nestjs/common';
import { Cancellation } from './cancellation.ts';
import { QueueModule } from './queue/queue.module.ts';

@Module({ imports: [QueueModule], providers: [Cancellation], exports: [Cancellation] })
export class CancellationModule {}
