import type { ThreadRef } from '@millrace/contracts';
import type { CheckpointTable } from './checkpoint-table.ts';
import type { CheckpointOrigin, Head } from './ports.ts';

/** @returns where a thread stands in Redis; null: at no checkpoint */
export async function headIn(table: CheckpointTable, ref: ThreadRef): Promise<Head | null> {
  const found = await table.read(ref, { namespace: '' }, false);
  return found && { checkpointId: found.outline.id, origin: originIn(JSON.parse(found.metadata)) };
}

/** @param metadata of a checkpoint */
export function originIn(metadata: Readonly<Record<string, unknown>>): CheckpointOrigin | null {
  return (metadata['millrace'] as CheckpointOrigin | undefined) ?? null;
}
