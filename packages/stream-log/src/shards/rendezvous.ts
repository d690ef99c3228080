/** Chooses a shard for a name by rendezvous hashing: among more shards a name keeps its shard, or gets one of the new ones. The
 *  choice is stored nowhere, so it must never change: a test has examples.
 *  @param count of shards, at least 1 */
export function rendezvous(name: string, count: number): number {
  const hash = fnv1a(name);
  let best = 0;
  let highest = -1;
  for (let shard = 0; shard < count; shard += 1) {
    const weight = mixed((hash ^ Math.imul(shard + 1, 0x9e3779b1)) >>> 0);
    if (weight > highest) {
      highest = weight;
      best = shard;
    }
  }
  return best;
}

/** @see http://www.isthe.com/chongo/tech/comp/fnv/ */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** The last step of MurmurHash3: each bit of the result depends on each bit of the number. */
function mixed(number: number): number {
  let bits = number;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
