import type { ThreadRef } from '@millrace/contracts';
import type { CheckpointName, CheckpointTable, ReadCheckpoint } from './checkpoint-table.ts';
import { type SerializedCheckpoint, viewOf } from './checkpoint-view.ts';
import { type CopyContent, copyCheckpoint } from './copy-checkpoint.ts';
import { replayed } from './delta-values.ts';
import { CheckpointLost } from './errors.ts';
import { headIn } from './head.ts';
import { parsed } from './plain-values.ts';
import type { CheckpointPage, Checkpoints, CheckpointView, Head } from './ports.ts';
import { bytesOf } from './stored-checkpoint.ts';

const DEFAULT_PAGE = 10;
const MOST_PAGE = 100;
/** A page is full with this many characters of JSON (law 16). */
const MOST_PAGE_CHARS = 2 * 1024 * 1024;

/** What a checkpoint holds, beside what Redis knows of it in any case. */
export type Content = Pick<SerializedCheckpoint, 'values' | 'writes'>;

/** The checkpoints in Redis for the API, without LangChain. */
export class RedisCheckpoints implements Checkpoints {
  /** @param copyContent copies what is not in Redis */
  constructor(
    readonly table: CheckpointTable,
    readonly copyContent: CopyContent | null = null,
  ) {}

  headOf(ref: ThreadRef): Promise<Head | null> {
    return headIn(this.table, ref);
  }

  readState(ref: ThreadRef, checkpointId?: string): Promise<CheckpointView | null> {
    return this.#view(ref, { namespace: '', id: checkpointId });
  }

  async history(
    ref: ThreadRef,
    { before, limit = DEFAULT_PAGE }: { before?: string; limit?: number } = {},
  ): Promise<CheckpointPage> {
    const most = Math.min(limit, MOST_PAGE);
    const checkpoints: CheckpointView[] = [];
    let chars = 0;
    for await (const name of this.table.names(ref, '', before)) {
      if (checkpoints.length >= most || chars >= MOST_PAGE_CHARS) return { checkpoints, more: true };
      const view = await this.#view(ref, name);
      // pruned since it was named
      if (view === null) continue;
      checkpoints.push(view);
      chars += JSON.stringify(view).length;
    }
    return { checkpoints, more: false };
  }

  jobsOfMessages(ref: ThreadRef, messageIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return this.table.jobsOfMessages(ref, messageIds);
  }

  async copy(
    from: ThreadRef,
    to: ThreadRef,
    { checkpointId, into = this }: { checkpointId?: string; into?: Checkpoints } = {},
  ): Promise<Head | null> {
    const { table, copyContent: content } = this;
    const target = (into as RedisCheckpoints).table;
    const id = await copyCheckpoint({ table, target, from, to, content }, checkpointId);
    return id === null ? null : { checkpointId: id, origin: null };
  }

  erase(ref: ThreadRef): Promise<void> {
    return this.table.erase(ref);
  }

  eraseStore(tenant: string): Promise<void> {
    return this.table.eraseStore(tenant);
  }

  async close(): Promise<void> {
    // the connection is its owner's
  }

  async #view(ref: ThreadRef, name: CheckpointName): Promise<CheckpointView | null> {
    const found = await this.table.read(ref, name);
    if (found === null) return null;
    const { outline, parentId } = found;
    return viewOf({
      ...{ checkpointId: outline.id, parentId, createdAt: outline.ts },
      channelVersions: outline.channel_versions,
      versionsSeen: outline.versions_seen,
      metadata: JSON.parse(found.metadata),
      ...(await this.contentOf(ref, found)),
    });
  }

  /** @returns the values of a checkpoint and the writes at it, as LangGraph's serializer gives them, as JSON */
  protected async contentOf(ref: ThreadRef, found: ReadCheckpoint): Promise<Content> {
    return {
      values: { ...valuesIn(found), ...(found.needsAncestors ? await this.#rebuilt(ref, found) : {}) },
      writes: found.writes.map(({ taskId, path, channel, value }) => ({ taskId, path, channel, value: parsed(value) })),
    };
  }

  /** The delta channels of a checkpoint, from what its ancestors have written. */
  async #rebuilt(ref: ThreadRef, found: ReadCheckpoint): Promise<Record<string, unknown>> {
    const { counters_since_delta_snapshot: counters = {} } = JSON.parse(found.metadata);
    const open = new Map<string, unknown[]>(
      Object.keys(counters)
        .filter((channel) => !found.values.some((value) => value.channel === channel))
        .map((channel) => [channel, []]),
    );
    const rebuilt: Record<string, unknown> = {};
    for (let id = found.parentId; id !== null && open.size > 0; ) {
      const ancestor = await this.table.read(ref, { namespace: found.namespace, id });
      if (ancestor === null) break;
      const values = valuesIn(ancestor, open);
      for (const [channel, writes] of open) {
        const written = ancestor.writes.filter((write) => write.channel === channel);
        writes.unshift(...written.map(({ value }) => parsed(value)));
        if (!Object.hasOwn(values, channel)) continue;
        rebuilt[channel] = replayed(values[channel], writes);
        open.delete(channel);
      }
      id = ancestor.parentId;
    }
    for (const [channel, writes] of open) rebuilt[channel] = replayed(undefined, writes);
    return rebuilt;
  }
}

/** @param only channels to read; default: all
 *  @throws CheckpointLost */
function valuesIn({ values, pieces }: ReadCheckpoint, only?: ReadonlyMap<string, unknown>): Record<string, unknown> {
  const wanted = values.filter(({ channel }) => only === undefined || only.has(channel));
  return Object.fromEntries(
    wanted.map((value) => {
      const typed = bytesOf(value, pieces);
      if (typed === undefined) throw new CheckpointLost(value.channel);
      return [value.channel, typed[0] === 'json' ? parsed(typed) : Buffer.from(typed[1]).toString('base64')];
    }),
  );
}
