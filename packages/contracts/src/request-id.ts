import { z } from 'zod';

/** The id of a job, everywhere: path, `X-Request-Id`, Redis keys, queue entry, logs.
 *  Never all digits: BullMQ mistakes such a custom job id for one of its own counters.
 *  @see PROTOCOL.md §2 */
export const requestIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{16,64}$/, 'must be 16 to 64 characters of A-Z, a-z, 0-9, "_" and "-"')
  .refine((id) => !/^\d+$/.test(id), 'must not be all digits');

const OF_SHARD = /^[A-Za-z0-9_-]{24}-s(0|[1-9]\d{0,2})$/;

/** @param shard that is to have the job: the id names it. Left out: there is one shard
 *  @returns a fresh id of 144 random bits, 24 characters of base64url; with a shard, `-s<shard>` after them */
export function newRequestId(shard?: number): string {
  const id = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(18))))
    .replaceAll('+', '-')
    .replaceAll('/', '_');
  // nor one that a command line takes for an option
  if (/^(\d+$|-)/.test(id)) return newRequestId(shard);
  return shard === undefined ? id : `${id}-s${shard}`;
}

/** @returns the shard that an id names; null: none, so its place is found by its hash */
export function shardNamedBy(id: string): number | null {
  const shard = OF_SHARD.exec(id)?.[1];
  return shard === undefined ? null : Number(shard);
}
