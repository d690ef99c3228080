import type { JobRef } from '@millrace/contracts';
import type { Logger } from '@millrace/runtime';
import type { Shards } from '@millrace/stream-log';
import type { Checkpoints, Threads } from '@millrace/threads';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { AuditEntry } from '../../auth/audit-log.ts';
import { AuditTrail } from '../../auth/audit-trail.ts';
import type { ApiSettings } from '../../settings.ts';
import type { ShardPorts } from '../../shards/shard-ports.ts';
import { CHECKPOINTS, LOGGER, SETTINGS, SHARD_PORTS, SHARDS, THREADS } from '../../tokens.ts';
import type { JobQueue } from '../queue/job-queue.ts';
import { JobQueues } from '../queue/job-queues.ts';
import { Cancellation } from '../steps/cancellation.ts';
import { JobErasure } from '../steps/job-erasure.ts';
import { ThreadEntry } from '../steps/thread-entry.ts';
import { ThreadExit } from '../steps/thread-exit.ts';
import { MasterKeyRotation } from './master-key-rotation.ts';
import { Sweep } from './sweep.ts';
import { ThreadSweep } from './thread-sweep.ts';
import { Unlisted } from './unlisted.ts';
import type { UnlistedJobs } from './unlisted-jobs.ts';

/** The sweep of each shard: one that does not answer holds up its own alone. */
@Injectable()
export class Sweeps implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly parts: readonly Sweep[];

  constructor(
    @Inject(SETTINGS) private readonly settings: ApiSettings,
    @Inject(SHARD_PORTS) shardPorts: readonly ShardPorts[],
    @Inject(SHARDS) private readonly shards: Shards,
    @Inject(JobQueues) private readonly queues: JobQueues,
    @Inject(Unlisted) private readonly unlisted: Unlisted,
    @Inject(MasterKeyRotation) private readonly rotation: MasterKeyRotation,
    @Inject(AuditTrail) private readonly trail: AuditTrail<AuditEntry>,
    @Inject(THREADS) private readonly threads: Threads,
    @Inject(CHECKPOINTS) private readonly checkpoints: Checkpoints,
    @Inject(ThreadEntry) private readonly entry: ThreadEntry,
    @Inject(ThreadExit) private readonly exit: ThreadExit,
    @Inject(Cancellation) private readonly cancellation: Cancellation,
    @Inject(JobErasure) private readonly erasure: JobErasure,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.parts = shardPorts.map((ports, shard) => this.#sweepOf(ports, shard));
  }

  /** that of the first shard, which Nest starts and ends */
  get home(): Sweep {
    return this.parts[0] as Sweep;
  }

  onApplicationBootstrap(): void {
    for (const sweep of this.parts.slice(1)) sweep.onApplicationBootstrap();
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.parts.slice(1).map((sweep) => sweep.onApplicationShutdown()));
  }

  #sweepOf(ports: ShardPorts, shard: number): Sweep {
    const { fairQueue, turn, catalogue, slots, reader, subscribers, settlement } = ports;
    const { threads, checkpoints, entry, exit, cancellation, erasure, trail, logger } = this;
    return new Sweep(this.settings, {
      ...{ fairQueue, turn, catalogue, slots, reader, subscribers, settlement, trail, logger },
      queue: this.queues.parts[shard] as JobQueue,
      unlistedJobs: this.unlisted.parts[shard] as UnlistedJobs,
      rotation: shard === 0 ? this.rotation : null,
      threads: new ThreadSweep({
        ...{ own: ports.threads, catalogue: ports.threadCatalogue, threads, checkpoints },
        ...{ entry, exit, cancellation, erasure, logger },
      }),
      isHere: (ref) => this.#isHere(ref, shard),
    });
  }

  async #isHere(ref: JobRef, shard: number): Promise<boolean> {
    if ((await this.shards.ofJob(ref)) === shard) return true;
    this.unlisted.joined.note(ref);
    return false;
  }
}
