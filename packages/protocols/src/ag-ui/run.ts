/** What a client of AG-UI knows of a run: what is open, and what it was told. Immutable. */
export interface Run {
  readonly hasStarted: boolean;
  /** the message that events without an id belong to; null: the job's only one */
  readonly current: string | null;
  /** open text, by message: the id that it has on the wire */
  readonly texts: ReadonlyMap<string, string>;
  /** open reasoning, by message: the id that it has on the wire */
  readonly reasonings: ReadonlyMap<string, string>;
  /** how many texts and reasonings each message has had: a second one gets another id */
  readonly begun: ReadonlyMap<string, number>;
  /** open tool calls, and whether arguments were said */
  readonly calls: ReadonlyMap<string, boolean>;
  /** ended tool calls without a result */
  readonly pending: ReadonlySet<string>;
  /** the agent's state as it was told last; undefined: none */
  readonly snapshot: unknown;
  readonly interrupts: readonly AgUiInterrupt[];
}

/** A question to a person. */
export interface AgUiInterrupt {
  readonly id: string;
  readonly reason: string;
  readonly message?: string;
  readonly metadata: { readonly value: unknown; readonly node?: string };
}

export const NO_RUN: Run = {
  hasStarted: false,
  current: null,
  texts: new Map(),
  reasonings: new Map(),
  begun: new Map(),
  calls: new Map(),
  pending: new Set(),
  snapshot: undefined,
  interrupts: [],
};

/** A copy of a map with one entry more, or another one. */
export function withEntry<K, V>(map: ReadonlyMap<K, V>, key: K, value: V): ReadonlyMap<K, V> {
  return new Map(map).set(key, value);
}

/** A copy of a map without an entry. */
export function withoutEntry<K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}
