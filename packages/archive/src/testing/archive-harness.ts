import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type JobRef, type JobRequest, jobRef, newRequestId } from '@millrace/contracts';
import {
  AttemptStarter,
  ErasedCopies,
  FairQueue,
  JobCatalogue,
  JobEraser,
  JobOpener,
  JobReader,
  KeySpace,
  type LogLimits,
  NewJob,
  RawJobs,
  ThawedJobs,
  UnarchivedJobs,
} from '@millrace/stream-log';
import { newKeyPrefix } from '@millrace/testing';
import { Redis } from 'ioredis';
import { ArchivedJobs } from '../archived-jobs.ts';
import { type ArchiveOutcome, Archiver } from '../archiver.ts';
import type { JobArchive } from '../job-archive.ts';
import { openArchive } from '../open-archive.ts';

const LIMITS: LogLimits = {
  recordRetentionMs: 600_000,
  logRetentionMs: 600_000,
  unfinishedRetentionMs: 600_000,
  archivedRetentionMs: 60_000,
  maxEvents: 100_000,
  maxBytes: 50_000_000,
  maxAttempts: 10,
};

const REQUEST: JobRequest = {
  messages: [{ role: 'user', content: 'hi' }],
  pipeline: 'chat',
  model: 'openai:test',
  onDisconnect: 'continue',
  onCrash: 'restart',
  timeoutMs: 60_000,
};

const MEGABYTE = 1_048_576;

/** A deployment with an archive in a folder, whose worker the test plays. */
export class ArchiveHarness implements AsyncDisposable {
  readonly keys = new KeySpace(newKeyPrefix());
  readonly limits: LogLimits;
  readonly reader: JobReader;
  readonly raw: RawJobs;
  readonly catalogue: JobCatalogue;
  readonly fairQueue: FairQueue;
  readonly eraser: JobEraser;
  readonly unarchived: UnarchivedJobs;
  readonly erasedCopies: ErasedCopies;
  /** what became of jobs, `<outcome> <reference>` */
  readonly told: string[] = [];

  private constructor(
    readonly redis: Redis,
    readonly archive: JobArchive,
    private readonly folder: string,
    limits: Partial<LogLimits>,
  ) {
    const { keys } = this;
    this.limits = { ...LIMITS, ...limits };
    this.reader = new JobReader(redis, keys);
    this.raw = new RawJobs(redis, keys);
    this.catalogue = new JobCatalogue(redis, keys, this.reader, { archives: true });
    this.fairQueue = new FairQueue(redis, keys, this.limits);
    this.eraser = new JobEraser(redis, keys, { archives: true });
    this.unarchived = new UnarchivedJobs(redis, keys);
    this.erasedCopies = new ErasedCopies(redis, keys);
  }

  static start(redisUrl: string, limits: Partial<LogLimits> = {}): Promise<ArchiveHarness> {
    return ArchiveHarness.on(new Redis(redisUrl), limits);
  }

  /** @param redis closed with the harness */
  static async on(redis: Redis, limits: Partial<LogLimits> = {}): Promise<ArchiveHarness> {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-archive-'));
    const archive = await openArchive(pathToFileURL(folder).href);
    return new ArchiveHarness(redis, archive, folder, limits);
  }

  /** What one worker does. */
  archiver(archive: JobArchive = this.archive): Archiver {
    const { raw: jobs, unarchived, erasedCopies } = this;
    const told = (outcome: ArchiveOutcome, ref: JobRef) => void this.told.push(`${outcome} ${ref}`);
    const retentionMs = this.limits.archivedRetentionMs ?? 0;
    // the registry rounds up when a job has ended: one that ended within this millisecond is to be written, too
    return new Archiver({ archive, jobs, unarchived, erasedCopies, retentionMs, told }, { minAgeMs: -1 });
  }

  /** What one API node reads with. */
  archivedJobs({ archive = this.archive, maxBytes = 64 * MEGABYTE } = {}): ArchivedJobs {
    const thawed = new ThawedJobs(this.redis, this.keys, { maxBytes, maxBytesOfTenant: maxBytes / 2 });
    return new ArchivedJobs({ archive, jobs: this.raw, thawed, erasedCopies: this.erasedCopies });
  }

  /** A job that has ended, and that the registry knows to have. */
  async ended(texts: readonly string[] = ['Hello', ' world'], ref = jobRef('t', newRequestId())): Promise<JobRef> {
    const job = new NewJob({ ref, fingerprint: 'f', request: REQUEST, metadata: { of: 'a test' } });
    const limits = { maxQueued: 1e6, maxOpenPerTenant: 1e6, maxStoredBytesPerTenant: 1e9 };
    await this.fairQueue.admit(job, limits);
    await new JobOpener(this.redis, this.keys, this.limits).open(job);
    const starter = new AttemptStarter(this.redis, this.keys, this.limits);
    const begun = await starter.begin(ref, newRequestId());
    if (begun.kind !== 'begun') throw new Error(begun.kind);
    for (const text of texts) {
      begun.writer.emit({ type: 'text', data: { text } });
      await begun.writer.flush();
    }
    await begun.writer.done({
      ...{ finishReason: 'stop', usage: { inputTokens: 1, outputTokens: 2 } },
      timings: { queueMs: 1, firstTokenMs: 2, totalMs: 3 },
    });
    await this.fairQueue.retire({ ref, keptBytes: 100 });
    return ref;
  }

  /** As the API erases a job that has ended. */
  async erase(ref: JobRef, archived = this.archivedJobs()): Promise<void> {
    await archived.beginErasure(ref);
    await this.eraser.eraseEnded(ref);
    await this.fairQueue.dropAdmission(ref);
    await archived.erase(ref);
  }

  /** The job leaves Redis as if its time were over. */
  async expire(ref: JobRef): Promise<void> {
    // all keys of a job are in one slot
    await this.redis.del(this.keys.record(ref), this.keys.log(ref));
  }

  /** As if the time of all leases, and of whoever looks after erasures, were over. */
  async passTime(): Promise<void> {
    for (const key of [this.keys.archivingJobs, this.keys.erasedCopies]) {
      for (const ref of await this.redis.zrange(key, '0', '-1')) await this.redis.zadd(key, 1, ref);
    }
  }

  async copyOf(ref: JobRef): Promise<unknown> {
    return this.archive.get(ref, AbortSignal.timeout(5_000));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.archive.close();
    this.redis.disconnect();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** The same archive, with something that happens before or after a call of it. */
export function withStep(
  archive: JobArchive,
  when: { readonly before?: keyof JobArchive; readonly after?: keyof JobArchive },
  step: () => Promise<void>,
): JobArchive {
  return new Proxy(archive, {
    get: (target, name) => {
      const member = Reflect.get(target, name) as unknown;
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]) => {
        if (when.before === name) await step();
        const result: unknown = await Reflect.apply(member, target, args);
        if (when.after === name) await step();
        return result;
      };
    },
  });
}
