import { type RedisConnection, type RunScripts, Scripts, type ScriptTable } from '@millrace/stream-log';

export type RunScript<Name extends string> = RunScripts<Name>;

type Table = ScriptTable<string>;

/** By table, once read. */
const read = new WeakMap<Table, Scripts<Record<string, Table>>>();

/** By connection and table, once defined: a saver or a store is made for every job. */
const defined = new WeakMap<RedisConnection, Map<Table, RunScripts<string>>>();

/** Defines scripts of one folder of `lua/` on a connection.
 *  @param table number of keys of each, then the fragments of `lua/shared` that it calls; a constant of its module */
export function scriptsOf<Name extends string>(
  redis: RedisConnection,
  folder: string,
  table: ScriptTable<Name>,
): RunScript<Name> {
  const onConnection = defined.get(redis) ?? new Map<Table, RunScripts<string>>();
  defined.set(redis, onConnection);
  const known = onConnection.get(table);
  if (known !== undefined) return known;
  const lua = new URL('../../lua/', import.meta.url);
  const scripts = read.get(table) ?? new Scripts(lua, `millrace:${folder}`, { [folder]: table as Table });
  read.set(table, scripts);
  const run = scripts.on(redis);
  onConnection.set(table, run);
  return run;
}
