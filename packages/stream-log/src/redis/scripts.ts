import { readFileSync } from 'node:fs';
import type { Cluster, Redis } from 'ioredis';

/** A connection for commands: to one server (Sentinel included) or to a cluster. */
export type RedisConnection = Redis | Cluster;

type Argument = string | number;

/** The Lua scripts by folder and name: number of keys, then the fragments of `lua/shared` that a script calls. Each
 *  change of a job is one script (law 3). */
const SCRIPTS = {
  job: {
    open: [3],
    begin: [3],
    append: [3],
    close: [3, 'attempt-usage'],
    release: [2, 'attempt-usage'],
    usage: [1, 'attempt-usage'],
    page: [1],
  },
  registry: {
    admit: [10, 'holder'],
    drop: [10, 'holder'],
    start: [2],
    retire: [8, 'unpark'],
    purge: [5, 'holder'],
    account: [2],
    pickup: [4],
    park: [3],
    free: [2, 'unpark'],
    position: [2],
    claim: [1],
    unreserve: [1],
  },
} as const;

type ScriptName = keyof typeof SCRIPTS.job | keyof typeof SCRIPTS.registry;

interface Script {
  readonly name: ScriptName;
  readonly numberOfKeys: number;
  readonly lua: string;
}

const scripts: readonly Script[] = Object.entries(SCRIPTS).flatMap(([folder, ofFolder]) =>
  Object.entries(ofFolder).map(([name, [numberOfKeys, ...fragments]]) => ({
    name: name as ScriptName,
    numberOfKeys,
    lua: withFragments(sourceOf(`${folder}/${name}`), fragments),
  })),
);

const COMMANDS = Object.fromEntries(scripts.map(({ name }) => [name, `millrace:${name}`])) as Record<
  ScriptName,
  string
>;

/** Runs a script by its digest; ioredis sends the source where the server does not know it (SCRIPT FLUSH, fail-over).
 *  @returns the script's reply, as its header says */
export type RunScript = (name: ScriptName, keys: readonly string[], args: readonly Argument[]) => Promise<unknown>;

/** Defines the scripts on a connection. */
export function scriptsOf(redis: RedisConnection): RunScript {
  const commands = redis as unknown as Record<string, (...args: Argument[]) => Promise<unknown>>;
  for (const { name, numberOfKeys, lua } of scripts) redis.defineCommand(COMMANDS[name], { numberOfKeys, lua });
  // no promise of its own around that of the command: every token takes this path
  return (name, keys, args) => commands[COMMANDS[name]]?.(...keys, ...args) ?? Promise.reject(new RangeError(name));
}

/** Reads a reply of the form `{outcome, name, value, …}`.
 *  @returns the outcome, and the values by name as text; a name that the script did not give is absent */
export function namedReply(reply: unknown): [outcome: string, values: Readonly<Record<string, string>>] {
  const [outcome = '', ...pairs] = (reply as readonly Argument[]).map(String);
  const values: Record<string, string> = {};
  for (let i = 0; i + 1 < pairs.length; i += 2) values[pairs[i] ?? ''] = pairs[i + 1] ?? '';
  return [outcome, values];
}

/** The command that wakes subscribers: on a cluster the sharded one, which stays within the job's slot (law 13). */
export function publishCommand(redis: RedisConnection): 'PUBLISH' | 'SPUBLISH' {
  return redis.isCluster ? 'SPUBLISH' : 'PUBLISH';
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
