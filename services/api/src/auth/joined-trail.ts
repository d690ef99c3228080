import type { Facade, Shards } from '@millrace/stream-log';
import type { AuditTrail } from './audit-trail.ts';

/** The copies of the audit log of all shards. What concerns a job is where its job is, so that it goes with it.
 *  @param parts one for each shard */
export function joinedTrail<Entry extends object>(
  parts: readonly AuditTrail<Entry>[],
  shards: Shards,
): AuditTrail<Entry> {
  const trail: Facade<AuditTrail<Entry>> = {
    add: async (entry, job = null) => {
      const shard = job === null ? 0 : await shards.ofJob(job);
      await parts[shard]?.add(entry, job);
    },
    trim: async () => {
      await shards.gather(parts, (part) => part.trim());
    },
    forget: async (concerns, jobs) => {
      const places = new Set(jobs?.flatMap((ref) => shards.placesOfJob(ref)) ?? shards.indexes);
      const own = parts.filter((_, shard) => places.has(shard));
      await shards.everywhere(own, (part) => part.forget(concerns));
    },
    latest: async () => {
      const { results } = await shards.gather(parts, (part) => part.latest());
      return results.flat().sort((one, other) => (one.at < other.at ? 1 : -1));
    },
  };
  return trail as AuditTrail<Entry>;
}
