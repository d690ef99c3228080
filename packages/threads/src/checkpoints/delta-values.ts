type Fields = Readonly<Record<string, unknown>>;

/** LangGraph's sign for a write that replaces everything. */
const OVERWRITE = '__overwrite__';
const REMOVE_ALL = '__remove_all__';

/** Rebuilds a list that LangGraph keeps as writes since its last whole value (a delta channel), as its reducer for messages
 *  does: a message with a known id replaces the one that has it, and a RemoveMessage removes one. Other items are appended.
 *  The graph itself may reduce in another way, which only it knows.
 *  @param seed the last whole value, as stored; undefined: none
 *  @param writes as stored, oldest first
 *  @returns the list as it would be stored */
export function replayed(seed: unknown, writes: readonly unknown[]): unknown[] {
  let items = listOf(snapshotOf(seed));
  for (const write of writes) {
    if (isObject(write) && OVERWRITE in write) {
      items = listOf(write[OVERWRITE]);
      continue;
    }
    for (const item of listOf(write)) {
      const id = idOf(item);
      const at = id === undefined ? -1 : items.findIndex((other) => idOf(other) === id);
      if (isRemoval(item)) {
        if (id === REMOVE_ALL) items = [];
        else if (at >= 0) items.splice(at, 1);
      } else if (at >= 0) items[at] = item;
      else items.push(item);
    }
  }
  return items;
}

function snapshotOf(seed: unknown): unknown {
  return isObject(seed) && seed['type'] === 'delta_snapshot' ? seed['value'] : seed;
}

function listOf(value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? [...value] : [value];
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

function idOf(item: unknown): unknown {
  return isObject(item) && isObject(item['kwargs']) ? item['kwargs']['id'] : undefined;
}

function isRemoval(item: unknown): boolean {
  return isObject(item) && Array.isArray(item['id']) && item['id'].at(-1) === 'RemoveMessage';
}
