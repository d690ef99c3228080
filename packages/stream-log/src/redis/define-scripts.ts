import { readFileSync } from 'node:fs';
import type { Cluster, Redis } from 'ioredis';
import { NewerFormat } from '../errors.ts';
import { isNewerFormatReply } from './transient-errors.ts';

/** A connection for commands: to one server (Sentinel included) or to a cluster. */
export type RedisConnection = Redis | Cluster;

type Argument = string | number | Buffer;

/** What each script of a folder needs: its number of keys, then the fragments of `lua/shared` that it calls. */
export type ScriptTable<Name extends string> = Readonly<Record<Name, readonly [keys: number, ...fragments: string[]]>>;

/** Told how long a call took, from sending to its reply, failed ones too.
 *  @param script its name, after that of its folder unless it is a job's or the registry's */
type ScriptObserver = (script: string, durationMs: number) => void;

/** Who is told, by connection. In an object, because scripts are defined before and after. */
const observed = new WeakMap<RedisConnection, { observer: ScriptObserver | null }>();

/** Times every call of a script on a connection, from now on. */
export function timeScripts(redis: RedisConnection, observer: ScriptObserver): void {
  timingOf(redis).observer = observer;
}

function timingOf(redis: RedisConnection): { observer: ScriptObserver | null } {
  const timing = observed.get(redis) ?? { observer: null };
  observed.set(redis, timing);
  return timing;
}

/** The fragment that refuses what a newer version has written. */
const FORMAT_FRAGMENT = 'format';

/** Runs a script by its digest; ioredis sends the source where the server does not know it (SCRIPT FLUSH, fail-over).
 *  @returns the script's reply, as its header says
 *  @throws NewerFormat a newer version has written what it would read or change */
export interface RunScripts<Name extends string> {
  (name: Name, keys: readonly string[], args: readonly Argument[]): Promise<unknown>;
  /** the same, with every string of the reply as bytes */
  readonly bytes: (name: Name, keys: readonly string[], args: readonly Argument[]) => Promise<unknown>;
}

/** The scripts of a package, by the folder of `lua/` that they are in. */
type Folders = Readonly<Record<string, ScriptTable<never>>>;
type NameIn<F extends Folders> = { [Folder in keyof F]: keyof F[Folder] & string }[keyof F];

/** Scripts that have been read, to be defined on any number of connections. */
export class Scripts<const F extends Folders> {
  readonly #scripts: readonly { name: NameIn<F>; command: string; numberOfKeys: number; lua: string }[];
  readonly #commands: Readonly<Record<NameIn<F>, string>>;
  readonly #bytesCommands: Readonly<Record<NameIn<F>, string>>;
  /** those that look at the format first */
  readonly #checked: ReadonlySet<NameIn<F>>;
  /** names without that of the package, for whoever times them */
  readonly #labels: Readonly<Record<NameIn<F>, string>>;

  /** @param lua the folder `lua/` of a package, with a slash at its end
   *  @param namespace of the package, which keeps its scripts apart from others on the same connection
   *  @param folders no two of their scripts have the same name */
  constructor(lua: URL, namespace: string, folders: F) {
    const read = (path: string) => readFileSync(new URL(`${path}.lua`, lua), 'utf8');
    this.#scripts = Object.entries<ScriptTable<string>>(folders).flatMap(([folder, table]) =>
      Object.entries(table).map(([name, [numberOfKeys, ...fragments]]) => {
        const shared = fragments.map((fragment) => read(`shared/${fragment}`)).join('');
        const source = withFragments(read(`${folder}/${name}`), shared);
        return { name: name as NameIn<F>, command: `${namespace}:${name}`, numberOfKeys, lua: source };
      }),
    );
    const tables = Object.values<ScriptTable<string>>(folders).flatMap((table) => Object.entries(table));
    const checked = tables.filter(([, [, ...fragments]]) => fragments.includes(FORMAT_FRAGMENT));
    this.#checked = new Set(checked.map(([name]) => name as NameIn<F>));
    const commands = this.#scripts.map(({ name, command }) => [name, command] as const);
    this.#commands = Object.fromEntries(commands) as Record<NameIn<F>, string>;
    // ioredis defines a second command for each script, which answers with bytes
    this.#bytesCommands = Object.fromEntries(commands.map(([name, command]) => [name, `${command}Buffer`])) as Record<
      NameIn<F>,
      string
    >;
    const labels = commands.map(([name, command]) => [name, command.slice(command.indexOf(':') + 1)] as const);
    this.#labels = Object.fromEntries(labels) as Record<NameIn<F>, string>;
  }

  /** Defines the scripts on a connection. */
  on(redis: RedisConnection): RunScripts<NameIn<F>> {
    for (const { command, numberOfKeys, lua } of this.#scripts) redis.defineCommand(command, { numberOfKeys, lua });
    const commands = redis as unknown as Record<string, (...args: Argument[]) => Promise<unknown>>;
    const timing = timingOf(redis);
    // no promise of its own around that of the command: every token takes this path
    const runBy =
      (named: Readonly<Record<NameIn<F>, string>>) =>
      (name: NameIn<F>, keys: readonly string[], args: readonly Argument[]) => {
        const reply = commands[named[name]]?.(...keys, ...args) ?? Promise.reject(new RangeError(name));
        if (timing.observer !== null) time(reply, this.#labels[name], timing.observer);
        return this.#checked.has(name) ? reply.catch(refuseNewer) : reply;
      };
    return Object.assign(runBy(this.#commands), { bytes: runBy(this.#bytesCommands) });
  }
}

function refuseNewer(error: unknown): never {
  throw isNewerFormatReply(error) ? new NewerFormat(error) : error;
}

function time(reply: Promise<unknown>, script: string, observer: ScriptObserver): void {
  const sentAt = performance.now();
  const ended = () => observer(script, performance.now() - sentAt);
  reply.then(ended, ended);
}

/** Reads a reply of the form `{outcome, name, value, …}`.
 *  @returns the outcome, and the values by name as text; a name that the script did not give is absent */
export function namedReply(reply: unknown): [outcome: string, values: Readonly<Record<string, string>>] {
  const [outcome = '', ...pairs] = (reply as readonly Argument[]).map(String);
  const values: Record<string, string> = {};
  for (let i = 0; i + 1 < pairs.length; i += 2) values[pairs[i] ?? ''] = pairs[i + 1] ?? '';
  return [outcome, values];
}

/** The command that wakes subscribers: on a cluster the sharded one, which stays within the slot of its keys (law 13). */
export function publishCommand(redis: RedisConnection): 'PUBLISH' | 'SPUBLISH' {
  return redis.isCluster ? 'SPUBLISH' : 'PUBLISH';
}

/** Redis reads the flags of a script (`#!lua …`) from its first line. */
function withFragments(source: string, shared: string): string {
  const [first = '', ...rest] = source.split('\n');
  return first.startsWith('#!') ? [first, shared + rest.join('\n')].join('\n') : shared + source;
}
