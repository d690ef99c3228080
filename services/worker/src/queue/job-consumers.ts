import type { Logger } from '@millrace/runtime';
import type { BeforeApplicationShutdown, OnApplicationBootstrap, OnModuleInit } from '@nestjs/common';
import type { AloneJobs } from '../alone/alone-jobs.ts';
import type { JobRunner, StopReason } from '../attempt/job-runner.ts';
import type { WorkerShard } from '../shards/worker-shard.ts';
import type { JobConsumer } from './job-consumer.ts';
import type { SlotAnnouncer } from './slot-announcer.ts';

/** What a worker has in the queue of one shard. */
export interface ShardQueue {
  readonly shard: Pick<WorkerShard, 'index' | 'listener' | 'presence'>;
  readonly consumer: Pick<JobConsumer, 'consuming' | 'start' | 'setDrained' | 'close'>;
  readonly slots: Pick<SlotAnnouncer, 'count' | 'start' | 'stop' | 'setDrained'>;
}

export interface JobConsumersPorts {
  /** of each shard */
  readonly queues: readonly ShardQueue[];
  readonly runner: Pick<JobRunner, 'drain'>;
  readonly alone: Pick<AloneJobs, 'drain'>;
  readonly logger: Logger;
}

/** Whether a shard is served. */
interface Service {
  readonly consuming: boolean;
  readonly listening: boolean;
}

/** Consumes the queues of all shards, each with slots of its own, so that none waits for another. */
export class JobConsumers implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown {
  #opened: readonly Promise<void>[] = [];
  #stopping = false;
  #stopReason: StopReason = 'handover';
  #drained = false;

  constructor(readonly ports: JobConsumersPorts) {}

  /** Whether each shard is served. */
  get services(): readonly Service[] {
    return this.ports.queues.map(({ consumer, shard }) => ({
      consuming: consumer.consuming,
      listening: shard.listener.isListening,
    }));
  }

  /** jobs that the worker runs at a time */
  get slots(): number {
    return this.ports.queues.reduce((all, { slots }) => all + slots.count, 0);
  }

  /** `drained`: it takes no jobs, because it was told so; those that it has go on */
  get state(): 'running' | 'drained' | 'stopping' {
    if (this.#stopping) return 'stopping';
    return this.#drained ? 'drained' : 'running';
  }

  /** Takes no further jobs, or takes jobs again. Those that run are left alone. */
  async setDrained(drained: boolean): Promise<void> {
    if (this.#stopping || this.#drained === drained) return;
    this.#drained = drained;
    this.ports.logger.info(drained ? 'drained' : 'resumed');
    const set = ({ consumer, slots }: ShardQueue) => [consumer.setDrained(drained), slots.setDrained(drained)];
    await Promise.all(this.ports.queues.flatMap(set));
  }

  /** Waits until a shard can be served. The others are as soon as they can. */
  async onModuleInit(): Promise<void> {
    this.#opened = this.ports.queues.map(open);
    for (const opened of this.#opened) opened.catch(() => undefined); // closed before
    await Promise.any(this.#opened);
  }

  onApplicationBootstrap(): void {
    for (const [place, { consumer, shard }] of this.ports.queues.entries()) {
      this.#opened[place]?.then(
        () => consumer.start(),
        () => this.ports.logger.debug({ shard: shard.index }, 'closed before it was served'),
      );
    }
  }

  /** Something has gone wrong in this process, perhaps by the doing of one of its jobs: the shutdown that follows counts as a
   *  loss of their worker. */
  crash(): void {
    this.#stopReason = 'worker-lost';
  }

  /** Fetches nothing more, lets running jobs finish within the grace time, agents their step, and hands over the rest. */
  async beforeApplicationShutdown(): Promise<void> {
    const { queues, runner, alone } = this.ports;
    this.#stopping = true;
    runner.drain(this.#stopReason);
    alone.drain('handover');
    for (const { slots } of queues) slots.stop();
    const shards = queues.map(({ shard }) => shard);
    await Promise.all(queues.map(({ consumer }) => consumer.close(shards)));
  }
}

/** Resolves when jobs of a shard may be taken: their cancels arrive, and their tenants know of the slots. */
async function open({ shard, slots }: ShardQueue): Promise<void> {
  await shard.listener.confirmed;
  await slots.start();
}
