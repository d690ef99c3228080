import { type BaseCheckpointSaver, getCheckpointId } from '@langchain/langgraph-checkpoint';
import type { ThreadRef } from '@millrace/contracts';
import type { CheckpointName } from './checkpoint-table.ts';
import { WrongThread } from './errors.ts';

/** LangGraph's `RunnableConfig`. */
export type Config = Parameters<BaseCheckpointSaver['getTuple']>[0];

/** @param only the thread that a saver is bound to
 *  @returns the thread that a config names; undefined: none
 *  @throws WrongThread it is another than `only` */
export function ofThread(config: Config, only: ThreadRef | undefined): ThreadRef | undefined {
  const id: unknown = config.configurable?.['thread_id'];
  if (only !== undefined && id !== only) throw new WrongThread();
  return id === undefined ? undefined : (checked('thread_id', id) as ThreadRef);
}

/** @returns the namespace of a config; undefined: it has none */
export function namespaceOf(config: Config): string | undefined {
  const namespace: unknown = config.configurable?.['checkpoint_ns'];
  return namespace === undefined ? undefined : checked('checkpoint_ns', namespace);
}

/** @returns the checkpoint that a config names, in the root namespace unless it says otherwise */
export function nameOf(config: Config): CheckpointName {
  const id = getCheckpointId(config);
  return { namespace: namespaceOf(config) ?? '', ...(id === '' ? {} : { id: checked('checkpoint_id', id) }) };
}

/** @returns a config that names a checkpoint */
export function configOf(ref: ThreadRef, { namespace, id }: CheckpointName): Config {
  return { configurable: { thread_id: ref, checkpoint_ns: namespace, checkpoint_id: id } };
}

/** Names are parts of names in Redis, divided by NUL and newline. */
function checked(field: string, value: unknown): string {
  if (typeof value !== 'string' || /[\0\n]/.test(value)) {
    throw new TypeError(`"${field}" must be a string without control characters`);
  }
  return value;
}
