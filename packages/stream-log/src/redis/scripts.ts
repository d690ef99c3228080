import { readFileSync } from 'node:fs';
import type { Cluster, Redis } from 'ioredis';

/** A connection for commands: to one server (Sentinel included) or to a cluster. */
export type RedisConnection = Redis | Cluster;

type Argument = string | number;

/** The Lua scripts, by folder and name, with their number of keys. One change of a job is one script (law 3). */
const SCRIPTS = {
  job: { open: 3, begin: 3, append: 3, close: 3, release: 2, page: 1 },
  registry: {
    admit: 10,
    drop: 10,
    take: 2,
    leave: 8,
    purge: 5,
    weigh: 2,
    pickup: 4,
    park: 3,
    free: 2,
    position: 2,
    claim: 1,
    unclaim: 1,
  },
} as const;

type ScriptName = keyof typeof SCRIPTS.job | keyof typeof SCRIPTS.registry;

interface Script {
  readonly name: ScriptName;
  readonly numberOfKeys: number;
  readonly lua: string;
}

const scripts: readonly Script[] = Object.entries(SCRIPTS).flatMap(([folder, names]) =>
  Object.entries(names).map(([name, numberOfKeys]) => ({
    name: name as ScriptName,
    numberOfKeys,
    lua: readFileSync(new URL(`../../lua/${folder}/${name}.lua`, import.meta.url), 'utf8'),
  })),
);

const COMMANDS = Object.fromEntries(scripts.map(({ name }) => [name, `millrace:${name}`])) as Record<
  ScriptName,
  string
>;

/** Runs a script by its digest; ioredis sends the source where the server does not know it (SCRIPT FLUSH, fail-over).
 *  @returns the script's reply, as its header says */
export type RunScript = (name: ScriptName, keys: readonly string[], args: readonly Argument[]) => Promise<unknown>;

/** Makes the scripts known to a connection. */
export function scriptsOf(redis: RedisConnection): RunScript {
  const commands = redis as unknown as Record<string, (...args: Argument[]) => Promise<unknown>>;
  for (const { name, numberOfKeys, lua } of scripts) redis.defineCommand(COMMANDS[name], { numberOfKeys, lua });
  // no promise of its own around that of the command: this is the path of every token
  return (name, keys, args) => commands[COMMANDS[name]]?.(...keys, ...args) ?? Promise.reject(new RangeError(name));
}

/** The command that wakes followers: on a cluster the sharded one, which stays within the job's slot (law 13). */
export function publishCommand(redis: RedisConnection): 'PUBLISH' | 'SPUBLISH' {
  return redis.isCluster ? 'SPUBLISH' : 'PUBLISH';
}
