import { type RedisConnection, type RunScripts, Scripts, type ScriptTable } from '@millrace/stream-log';

export type RunScript<Name extends string> = RunScripts<Name>;

/** By folder, once read. */
const read = new Map<string, Scripts<Record<string, ScriptTable<string>>>>();

/** By connection and folder, once defined: a saver or a store is made for every job. */
const defined = new WeakMap<RedisConnection, Map<string, RunScripts<string>>>();

/** Defines the scripts of one folder of `lua/` on a connection.
 *  @param table number of keys of each, then the fragments of `lua/shared` that it calls; the same at every call */
export function scriptsOf<Name extends string>(
  redis: RedisConnection,
  folder: string,
  table: ScriptTable<Name>,
): RunScript<Name> {
  const onConnection = defined.get(redis) ?? new Map<string, RunScripts<string>>();
  defined.set(redis, onConnection);
  const known = onConnection.get(folder);
  if (known !== undefined) return known;
  const lua = new URL('../../lua/', import.meta.url);
  const scripts =
    read.get(folder) ?? new Scripts(lua, `millrace:${folder}`, { [folder]: table as ScriptTable<string> });
  read.set(folder, scripts);
  const run = scripts.on(redis);
  onConnection.set(folder, run);
  return run;
}
