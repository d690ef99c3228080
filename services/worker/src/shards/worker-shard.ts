import { ArchivedJobs, type JobArchive } from '@millrace/archive';
import { type JobRef, logLimits, thawLimits, threadLimits } from '@millrace/contracts';
import { sendTogether } from '@millrace/runtime';
import {
  AttemptStarter,
  type ContentCipher,
  ErasedCopies,
  FairQueue,
  JobCanceller,
  JobReader,
  type KeySpace,
  PipelineAnnouncements,
  ProcessReports,
  RawJobs,
  type Shards,
  StoredBytes,
  TenantSlots,
  ThawedJobs,
  UsageLedger,
  WriteGate,
} from '@millrace/stream-log';
import { ThreadKeys, Threads } from '@millrace/threads';
import type { WorkerSettings } from '../settings.ts';
import { HastyCanceller, HastyThreads } from './hasty-ports.ts';
import type { ShardLink } from './shard-link.ts';
import { ShardListener } from './shard-listener.ts';

/** One shard as a worker sees it: its connections, and its side of the stream log, which writes logs and never follows them. */
export interface WorkerShard extends ShardLink {
  readonly listener: ShardListener;
  readonly starter: AttemptStarter;
  readonly fairQueue: FairQueue;
  readonly slots: TenantSlots;
  readonly reports: ProcessReports;
  readonly announcements: PipelineAnnouncements;
  readonly ledger: UsageLedger;
  readonly reader: JobReader;
  readonly canceller: JobCanceller;
  readonly threads: Threads;
  /** null: there is no archive */
  readonly archived: ArchivedJobs | null;
  /** Remembers that a job is here, for as long as it runs. With one shard there is nothing to remember. */
  pin(ref: JobRef): Disposable | undefined;
}

interface ShardOptions {
  readonly settings: WorkerSettings;
  readonly keys: KeySpace;
  readonly cipher: ContentCipher;
  readonly archive: JobArchive | null;
  /** null: there is one */
  readonly shards: Shards | null;
}

/** Opens a shard for the worker. */
export function workerShard(link: ShardLink, { settings, keys, cipher, archive, shards }: ShardOptions): WorkerShard {
  const { commands: redis, presence, index } = link;
  const limits = logLimits(settings);
  const together = (send: () => void) => sendTogether(redis, send);
  const gate = new WriteGate({ holdMs: settings.MILLRACE_APPEND_HOLD_MS, together });
  const maxActive = settings.MILLRACE_MAX_ACTIVE_PER_TENANT ?? null;
  const threadKeys = new ThreadKeys(settings.MILLRACE_KEY_PREFIX);
  const ofThreads = [redis, threadKeys, new StoredBytes(redis, keys), threadLimits(settings), cipher] as const;
  return {
    ...link,
    listener: new ShardListener(redis, link.hub, keys),
    starter: new AttemptStarter(redis, keys, limits, { cipher, gate }),
    fairQueue: new FairQueue(redis, keys, limits),
    slots: new TenantSlots(redis, keys, maxActive, shards?.count),
    reports: new ProcessReports(redis, keys),
    announcements: new PipelineAnnouncements(redis, keys),
    ledger: new UsageLedger(redis, keys),
    reader: new JobReader(redis, keys, cipher),
    canceller:
      shards === null ? new JobCanceller(redis, keys, limits) : new HastyCanceller(presence, redis, keys, limits),
    threads: shards === null ? new Threads(...ofThreads) : new HastyThreads(presence, ...ofThreads),
    archived:
      archive &&
      new ArchivedJobs({
        archive,
        jobs: new RawJobs(redis, keys),
        thawed: new ThawedJobs(redis, keys, thawLimits(settings)),
        erasedCopies: new ErasedCopies(redis, keys),
      }),
    pin: (ref) => shards?.pin(ref, index),
  };
}
