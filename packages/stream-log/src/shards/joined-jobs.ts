import type { JobRef } from '@millrace/contracts';
import type { AttemptStarter } from '../attempt/attempt-starter.ts';
import type { Subscribers } from '../follow/subscribers.ts';
import type { JobCanceller } from '../log/job-canceller.ts';
import type { JobEraser } from '../log/job-eraser.ts';
import type { JobOpener } from '../log/job-opener.ts';
import type { JobReader } from '../log/job-reader.ts';
import { byShard, type Facade } from './by-shard.ts';
import type { Shards } from './shards.ts';

/** Reads the jobs of all shards. Everybody who has a {@link JobReader} may have this one instead.
 *  @param parts one for each shard, with the same cipher */
export function joinedReader(parts: readonly JobReader[], shards: Shards): JobReader {
  const names = ['outline', 'outlineOf', 'traits', 'logExists', 'page', 'readablePage', 'head'] as const;
  const own = byShard(parts, (ref: JobRef) => shards.ofJob(ref), names);
  const reader: Facade<JobReader> = {
    ...own,
    outlines: (refs) => Promise.all(refs.map((ref) => own.outline(ref))),
    contentsOf: (ref) => (parts[0] as JobReader).contentsOf(ref),
    async *attempt(job) {
      yield* (parts[await shards.ofJob(job.ref)] as JobReader).attempt(job);
    },
  };
  return reader as JobReader;
}

/** Opens jobs in the shards that they belong to. */
export function joinedOpener(parts: readonly JobOpener[], shards: Shards): JobOpener {
  const opener: Facade<JobOpener> = {
    ...byShard(parts, (ref: JobRef) => shards.ofJob(ref), ['open']),
    // both only need the cipher, which all have in common
    sealerOf: (ref) => (parts[0] as JobOpener).sealerOf(ref),
    isMadeBy: (job, fingerprint) => (parts[0] as JobOpener).isMadeBy(job, fingerprint),
  };
  return opener as JobOpener;
}

export function joinedEraser(parts: readonly JobEraser[], shards: Shards): JobEraser {
  const names = ['notePlaced', 'eraseRefused', 'eraseEnded'] as const;
  const eraser: Facade<JobEraser> = byShard(parts, (ref: JobRef) => shards.ofJob(ref), names);
  return eraser as JobEraser;
}

export function joinedCanceller(parts: readonly JobCanceller[], shards: Shards): JobCanceller {
  const canceller: Facade<JobCanceller> = byShard(parts, (ref: JobRef) => shards.ofJob(ref), ['cancel']);
  return canceller as JobCanceller;
}

/** Starts attempts at jobs of any shard. Its `cipher` is that of all. */
export function joinedStarter(parts: readonly AttemptStarter[], shards: Shards): AttemptStarter {
  const starter: Facade<AttemptStarter> = byShard(parts, (ref: JobRef) => shards.ofJob(ref), ['begin', 'fail']);
  return starter as AttemptStarter;
}

/** The readers of this process, whichever shards their jobs are in. Its `hub` is that of home. */
export function joinedSubscribers(parts: readonly Subscribers[], shards: Shards): Subscribers {
  const [home] = parts as [Subscribers];
  const sum = (counts: readonly number[]) => counts.reduce((all, count) => all + count, 0);
  return {
    ...byShard(parts, (ref: JobRef) => shards.ofJob(ref), ['follow']),
    // an id that nobody else knows is the service's own
    expect: (ref: JobRef, threadId?: string) => (parts[shards.ofKnownJob(ref)] as Subscribers).expect(ref, threadId),
    readersOf: (ref: JobRef) => sum(parts.map((part) => part.readersOf(ref))),
    followedFor: (ms: number) => parts.flatMap((part) => part.followedFor(ms)),
    close: () => {
      for (const part of parts) part.close();
    },
    get ready() {
      return parts.some((part) => part.ready);
    },
    get counts() {
      const counts = parts.map((part) => part.counts);
      return {
        subscribers: sum(counts.map(({ subscribers }) => subscribers)),
        topics: sum(counts.map(({ topics }) => topics)),
      };
    },
    get onGiven() {
      return home.onGiven;
    },
    set onGiven(observer: Subscribers['onGiven']) {
      for (const part of parts) part.onGiven = observer;
    },
    hub: home.hub,
  } satisfies Facade<Subscribers> & Partial<Subscribers> as unknown as Subscribers;
}
