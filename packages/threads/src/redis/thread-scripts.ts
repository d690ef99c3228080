import { readFileSync } from 'node:fs';
import type { RedisConnection } from '@millrace/stream-log';

type Argument = string | number | Buffer;

/** What a script needs: its number of keys, then the fragments of `lua/shared` that it calls. */
export type ScriptTable<Name extends string> = Readonly<Record<Name, readonly [keys: number, ...fragments: string[]]>>;

/** Runs a script by its digest; ioredis sends the source where the server does not know it (SCRIPT FLUSH, fail-over).
 *  @returns the script's reply, as its header says */
export interface RunScript<Name extends string> {
  (name: Name, keys: readonly string[], args: readonly Argument[]): Promise<unknown>;
  /** the same, with every string of the reply as bytes */
  readonly bytes: (name: Name, keys: readonly string[], args: readonly Argument[]) => Promise<unknown>;
}

/** Defines the scripts of one folder of `lua/` on a connection. */
export function scriptsOf<Name extends string>(
  redis: RedisConnection,
  folder: string,
  table: ScriptTable<Name>,
): RunScript<Name> {
  const commands = redis as unknown as Record<string, (...args: Argument[]) => Promise<unknown>>;
  const commandOf = (name: string) => `millrace:${folder}:${name}`;
  for (const [name, [numberOfKeys, ...fragments]] of Object.entries<ScriptTable<Name>[Name]>(table)) {
    const lua = withFragments(sourceOf(`${folder}/${name}`), fragments);
    redis.defineCommand(commandOf(name), { numberOfKeys, lua });
  }
  const run = (command: string, keys: readonly string[], args: readonly Argument[]) =>
    commands[command]?.(...keys, ...args) ?? Promise.reject(new RangeError(command));
  return Object.assign(
    (name: Name, keys: readonly string[], args: readonly Argument[]) => run(commandOf(name), keys, args),
    {
      bytes: (name: Name, keys: readonly string[], args: readonly Argument[]) =>
        run(`${commandOf(name)}Buffer`, keys, args),
    },
  );
}

function sourceOf(path: string): string {
  return readFileSync(new URL(`../../lua/${path}.lua`, import.meta.url), 'utf8');
}

/** Redis reads the flags of a script (`#!lua …`) from its first line. */
function withFragments(source: string, fragments: readonly string[]): string {
  const shared = fragments.map((fragment) => sourceOf(`shared/${fragment}`)).join('');
  const [first = '', ...rest] = source.split('\n');
  return first.startsWith('#!') ? [first, shared + rest.join('\n')].join('\n') : shared + source;
}
