import { Module } from '@nestjs/common';
import { JobsModule } from '../jobs/jobs.module.ts';
import { QuotaModule } from '../quota/quota.module.ts';
import { Conversations } from './conversations.ts';
import { CreateThread } from './create-thread.ts';
import { DeleteThread } from './delete-thread.ts';
import { EraseTenant } from './erase-tenant.ts';
import { Erasure } from './erasure.ts';
import { ForkAtJob } from './fork-at-job.ts';
import { ForkThread } from './fork-thread.ts';
import { GetThread } from './get-thread.ts';
import { JobCheckpoints } from './job-checkpoints.ts';
import { ListThreads } from './list-threads.ts';
import { ThreadAccess } from './thread-access.ts';
import { ThreadMessages } from './thread-messages.ts';
import { ThreadState } from './thread-state.ts';

/** The use cases of threads, independent of routes and streams. */
@Module({
  imports: [JobsModule, QuotaModule],
  providers: [
    ...[ThreadAccess, Conversations, CreateThread, GetThread, ListThreads],
    ...[ThreadMessages, ThreadState, ForkThread, ForkAtJob, JobCheckpoints, Erasure, DeleteThread, EraseTenant],
  ],
  exports: [
    ThreadAccess,
    CreateThread,
    GetThread,
    ListThreads,
    ThreadMessages,
    ThreadState,
    ForkThread,
    ForkAtJob,
    DeleteThread,
    EraseTenant,
  ],
})
export class ThreadsModule {}
