import type { ThreadRef } from '@millrace/contracts';
import type { CheckpointName, CheckpointTable, ReadCheckpoint } from './checkpoint-table.ts';
import { CheckpointLost } from './errors.ts';
import type { PieceDigest } from './pieces.ts';
import { bytesOf, type StoredValue, type StoredWrite, storedValue } from './stored-checkpoint.ts';

/** How long a checkpoint is kept from being pruned while it is copied, milliseconds. */
const COPY_MS = 120_000;

/** Copies values and writes of one checkpoint that are not in Redis.
 *  @param parentId of the copy; null: it is the first
 *  @returns how many bytes the copy takes */
export type CopyContent = (
  from: ThreadRef,
  to: ThreadRef,
  name: Required<CheckpointName>,
  parentId: string | null,
) => Promise<number>;

interface Copying {
  readonly table: CheckpointTable;
  /** of the shard that has the copy */
  readonly target: CheckpointTable;
  readonly from: ThreadRef;
  readonly to: ThreadRef;
  /** null: everything is in Redis */
  readonly content: CopyContent | null;
}

/** Copies a checkpoint of the root graph to another thread, whose history begins there, with the state of its subgraphs and
 *  what is pending. One script for each checkpoint; the root's comes last, so that the copy has its head when it is whole.
 *  May be repeated.
 *  @param id default: the head
 *  @returns the id; null: there is no such checkpoint */
export async function copyCheckpoint(copying: Copying, id?: string): Promise<string | null> {
  const { table, target, from, to } = copying;
  const root = await table.pin(from, id, COPY_MS);
  if (root === null) return null;
  for (const part of await partsOf(table, from, root)) await copyOne(copying, part);
  await table.copyMessageJobs(from, to, root, target);
  return (await copyOne(copying, { namespace: '', id: root })) ? root : null;
}

/** The checkpoints of subgraphs that a root checkpoint needs: those that belong to it, and the newest older one of each subgraph
 *  that keeps its state from call to call. Oldest first. */
async function partsOf(
  table: CheckpointTable,
  ref: ThreadRef,
  root: string,
): Promise<readonly Required<CheckpointName>[]> {
  const parts = [...(await table.partsOf(ref, root))];
  for (const namespace of await table.namespaces(ref)) {
    if (namespace === '' || namespace.includes(':')) continue;
    for await (const name of table.names(ref, namespace, root)) {
      parts.push(name);
      break;
    }
  }
  return parts.sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1));
}

/** @returns false: it is gone
 *  @throws CheckpointLost */
async function copyOne({ table, target, from, to, content }: Copying, name: CheckpointName): Promise<boolean> {
  const chain: ReadCheckpoint[] = [];
  for (let id = name.id ?? null; id !== null; ) {
    const found = await table.read(from, { namespace: name.namespace, id });
    if (found === null) break;
    chain.unshift(found);
    id = found.needsAncestors ? found.parentId : null;
  }
  const digest = await target.digestFor(to);
  for (const [nth, found] of chain.entries()) {
    const { millrace: _, ...metadata } = JSON.parse(found.metadata);
    const parentId = nth === 0 ? null : found.parentId;
    const bytesElsewhere = await content?.(from, to, { namespace: name.namespace, id: found.outline.id }, parentId);
    const { values, pieces } = digest !== undefined || found.isSealed ? cutAnew(found, digest) : found;
    const copy = { ...found, parentId, values, metadata: JSON.stringify(metadata) };
    const [missing] = await target.put(to, copy, { pieces, bytesElsewhere }, null);
    if (missing !== undefined) throw new CheckpointLost(name.namespace);
    for (const [task, writes] of byTask(found.writes)) {
      await target.write(to, { at: { namespace: name.namespace, id: found.outline.id }, taskId: task, writes }, null);
    }
  }
  return chain.length > 0;
}

/** The pieces of encrypted values have other names in each thread. */
function cutAnew(found: ReadCheckpoint, digest: PieceDigest | undefined): Pick<ReadCheckpoint, 'values' | 'pieces'> {
  const pieces = new Map<string, Buffer>();
  const values = found.values.map((value): StoredValue => {
    if ('text' in value) return value;
    const typed = bytesOf(value, found.pieces);
    if (typed === undefined) throw new CheckpointLost(value.channel);
    return storedValue(value.channel, typed, pieces, digest);
  });
  return { values, pieces };
}

function byTask(writes: readonly StoredWrite[]): Map<string, StoredWrite[]> {
  return Map.groupBy(writes, ({ taskId }) => taskId);
}
