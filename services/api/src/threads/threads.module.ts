import { Module } from '@nestjs/common';
import { ThreadAccess } from './thread-access.ts';

/** The use cases of threads, independent of routes and streams. */
@Module({ providers: [ThreadAccess], exports: [ThreadAccess] })
export class ThreadsModule {}
