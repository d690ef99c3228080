import type { Logger } from '@millrace/runtime';
import { loadOf, type ProcessReports, type Shards, type StoredKinds, type Survey } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { Gauge, Registry } from 'prom-client';
import type { ShardPorts } from '../shards/shard-ports.ts';
import { LOGGER, PROCESS_REPORTS, SHARD_PORTS, SHARDS } from '../tokens.ts';

/** For how long a survey stands, milliseconds: many scrapers cost no more than one. */
const FRESH_MS = 1_000;
/** The same for what is stored: a census asks for the bytes of a thousand tenants. */
const FRESH_CENSUS_MS = 15_000;

/** Metrics of the whole service, read when somebody asks. Every node tells the same: the highest counts, not the sum. */
@Injectable()
export class ServiceMetrics {
  readonly #registry = new Registry();
  readonly #jobs = new Gauge({
    name: 'millrace_open_jobs',
    help: 'Unfinished jobs of the whole service; state: queued or active',
    labelNames: ['state'],
    registers: [this.#registry],
  });
  readonly #oldestWait = new Gauge({
    name: 'millrace_queue_oldest_wait_seconds',
    help: 'How long the first of the queued jobs has waited, of the 5,000 oldest unfinished ones; 0: none waits',
    registers: [this.#registry],
  });
  readonly #slots = new Gauge({
    name: 'millrace_slots',
    help: 'Jobs that all workers together may run at a time, and those that they run; state: all or used',
    labelNames: ['state'],
    registers: [this.#registry],
  });
  readonly #processes = new Gauge({
    name: 'millrace_processes',
    help: 'Processes of the service that were seen within 15 s; kind: api or worker',
    labelNames: ['kind'],
    registers: [this.#registry],
  });
  readonly #stored = new Gauge({
    name: 'millrace_stored_bytes',
    help: 'Bytes in Redis, without its own overhead; kind: jobs (records and logs), threads (with checkpoints) or stores',
    labelNames: ['kind'],
    registers: [this.#registry],
  });
  #current: Promise<Registry | null> | null = null;
  #kinds: { readonly taken: Promise<StoredKinds>; readonly at: number } | null = null;

  constructor(
    @Inject(PROCESS_REPORTS) private readonly reports: ProcessReports,
    @Inject(SHARD_PORTS) private readonly parts: readonly ShardPorts[],
    @Inject(SHARDS) private readonly shards: Shards,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.#registry.setDefaultLabels({ service: 'api' });
  }

  /** @returns null while Redis does not answer */
  current(): Promise<Registry | null> {
    if (this.#current !== null) return this.#current;
    this.#current = this.#read();
    setTimeout(() => {
      this.#current = null;
    }, FRESH_MS).unref();
    return this.#current;
  }

  async #read(): Promise<Registry | null> {
    try {
      const [survey, stored] = await Promise.all([this.reports.survey({ watches: false }), this.#storedKinds()]);
      this.#set(survey);
      for (const [kind, bytes] of Object.entries(stored)) this.#stored.set({ kind }, bytes);
    } catch (error) {
      this.logger.debug({ err: error }, 'service not surveyed');
      return null;
    }
    return this.#registry;
  }

  #storedKinds(): Promise<StoredKinds> {
    const now = performance.now();
    if (this.#kinds === null || now - this.#kinds.at > FRESH_CENSUS_MS) {
      this.#kinds = { taken: this.#census(), at: now };
      this.#kinds.taken.catch(() => {
        this.#kinds = null;
      });
    }
    return this.#kinds.taken;
  }

  async #census(): Promise<StoredKinds> {
    const { results } = await this.shards.gather(this.parts, ({ census }) => census.take());
    const sum = (kind: keyof StoredKinds) => results.reduce((bytes, kinds) => bytes + kinds[kind], 0);
    return { jobs: sum('jobs'), threads: sum('threads'), stores: sum('stores') };
  }

  #set(survey: Survey): void {
    const { queued, active, oldestWaitMs, slots } = loadOf(survey);
    this.#jobs.set({ state: 'queued' }, queued);
    this.#jobs.set({ state: 'active' }, active);
    this.#oldestWait.set((oldestWaitMs ?? 0) / 1_000);
    this.#slots.set({ state: 'all' }, slots.all);
    this.#slots.set({ state: 'used' }, slots.running);
    for (const kind of ['api', 'worker'] as const) {
      this.#processes.set({ kind }, survey.processes.filter((process) => process.kind === kind).length);
    }
  }
}
