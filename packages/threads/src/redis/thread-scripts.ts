import { type RedisConnection, type RunScripts, Scripts, type ScriptTable } from '@millrace/stream-log';

export type RunScript<Name extends string> = RunScripts<Name>;

/** Defines the scripts of one folder of `lua/` on a connection.
 *  @param table number of keys of each, then the fragments of `lua/shared` that it calls */
export function scriptsOf<Name extends string>(
  redis: RedisConnection,
  folder: string,
  table: ScriptTable<Name>,
): RunScript<Name> {
  const lua = new URL('../../lua/', import.meta.url);
  const scripts = new Scripts<Record<string, ScriptTable<Name>>>(lua, `millrace:${folder}`, { [folder]: table });
  return scripts.on(redis);
}
