import { Redis } from 'ioredis';
import { plainLine } from '../terminal/plain.ts';
import { type Finding, fault, ok, warning } from './finding.ts';

const CONNECT_MS = 5000;
const PINGS = 50;
const SLOW_MEDIAN_MS = 5;
const SLOW_WORST_MS = 100;
const MAX_SKEW_MS = 1000;
const OLDEST_MAJOR = 7;
const SLOW_COMMANDS = 100;
const SLOW_COMMANDS_SECONDS = 300;

/** @param given URLs, or texts like REDIS_URLS, which have several
 *  @returns each URL by itself, in the order of their shards */
export function redisUrls(given: string | readonly string[]): string[] {
  return [given].flat().flatMap((text) => text.split(/[\s|]+/).filter((url) => url !== ''));
}

/** What Millrace needs of a Redis: that it forgets nothing, answers quickly, and agrees about the time. Of several, the shards, what it
 *  finds has the number of the shard: `redis 0: eviction`.
 *  @param urls as in REDIS_URL, one at least; of a cluster, any node
 *  @param keyPrefix as in MILLRACE_KEY_PREFIX: rights may end with it */
export async function examineRedis(urls: readonly string[], keyPrefix: string): Promise<Finding[]> {
  const examined = await Promise.all(urls.map((url) => examineOne(url, keyPrefix)));
  const findings = examined.flatMap(({ findings: found }, shard) =>
    urls.length === 1
      ? found
      : found.map((each) => ({ ...each, about: each.about.replace(/^redis/, `redis ${shard}`) })),
  );
  return [...findings, ...sameServers(examined.map(({ server }) => server))];
}

/** A server that is named twice would have the keys of both, and be lost as both.
 *  @param servers run ids by shard, null where unknown */
function sameServers(servers: readonly (string | null)[]): Finding[] {
  const shardsOf = Map.groupBy(servers.keys(), (shard) => servers[shard] ?? null);
  return [...shardsOf].flatMap(([server, shards]) =>
    server === null || shards.length === 1
      ? []
      : [
          fault(
            'redis: shards',
            `${shards.join(' and ')} are one server`,
            'give each URL of REDIS_URLS a Redis of its own: they are to share neither memory nor a failure',
          ),
        ],
  );
}

/** What is found of one, and which process it is: its run id, null if it does not answer. */
interface Examined {
  readonly findings: readonly Finding[];
  readonly server: string | null;
}

async function examineOne(url: string, keyPrefix: string): Promise<Examined> {
  const redis = connectionTo(url);
  if (redis === null) return { findings: [fault('redis', 'it has no valid URL', URL_REMEDY)], server: null };
  let lastError = '';
  redis.on('error', ({ message }: Error) => {
    lastError = message;
  });
  try {
    await redis.connect();
    const info = infoOf(await redis.info());
    const findings = [
      versionOf(info),
      evictionOf(info),
      ...persistenceOf(info),
      memoryOf(info),
      await rightsOf(redis, keyPrefix),
      await latencyOf(redis),
      ...(await slowCommandsOf(redis)),
      await clockOf(redis),
    ];
    return { findings, server: info.get('run_id') ?? null };
  } catch (error) {
    const why = plainLine(lastError || (error instanceof Error ? error.message : String(error)));
    const remedy = 'check its URL, the password in it (redis://user:password@host:6379) and the firewall';
    return { findings: [fault('redis', `it does not answer: ${why}`, remedy)], server: null };
  } finally {
    redis.disconnect();
  }
}

const URL_REMEDY =
  'redis://user:password@host:6379; of a cluster, or behind Sentinel, that of one server; several with blanks between them, not commas';

/** @returns null: the client cannot read the URL */
function connectionTo(url: string): Redis | null {
  try {
    return new Redis(url, {
      lazyConnect: true,
      connectTimeout: CONNECT_MS,
      commandTimeout: CONNECT_MS,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    });
  } catch {
    return null;
  }
}

type Info = ReadonlyMap<string, string>;

function infoOf(text: string): Info {
  const lines = text.split(/\r?\n/).filter((line) => line.includes(':'));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}

function versionOf(info: Info): Finding {
  const version = info.get('redis_version') ?? 'unknown';
  const about = 'redis: version';
  // Valkey says which Redis it stands for
  if (Number.parseInt(version, 10) >= OLDEST_MAJOR) return ok(about, version);
  return fault(about, `${version} is too old`, `run Redis ${OLDEST_MAJOR} or newer`);
}

function evictionOf(info: Info): Finding {
  const policy = info.get('maxmemory_policy') ?? 'unknown';
  const about = 'redis: eviction';
  if (policy === 'noeviction') return ok(about, policy);
  return fault(
    about,
    `maxmemory-policy is ${policy}: Redis throws jobs away when it is full`,
    'maxmemory-policy noeviction',
  );
}

function persistenceOf(info: Info): Finding[] {
  const about = 'redis: persistence';
  if (info.get('aof_enabled') !== '1') {
    return [
      fault(
        about,
        'the append-only file is off: a restart of Redis loses jobs',
        'appendonly yes\nappendfsync everysec',
      ),
    ];
  }
  const failed = ['aof_last_write_status', 'aof_last_bgrewrite_status'].filter(
    (field) => (info.get(field) ?? 'ok') !== 'ok',
  );
  if (failed.length > 0)
    return [
      fault(
        about,
        `${failed.join(', ')} is not ok: Redis cannot write its file`,
        'make room on the disk of Redis, see its log',
      ),
    ];
  return [ok(about, 'append-only file')];
}

function memoryOf(info: Info): Finding {
  const about = 'redis: memory';
  const limit = Number(info.get('maxmemory') ?? 0);
  const used = Number(info.get('used_memory') ?? 0);
  const mb = (bytes: number) => `${Math.round(bytes / 1_048_576)} MB`;
  if (limit === 0) {
    return warning(about, `${mb(used)} used, and no limit: the machine's end is the limit`, 'maxmemory 2gb');
  }
  if (used > 0.9 * limit) {
    return warning(
      about,
      `${mb(used)} of ${mb(limit)} used: new jobs are refused when it is full`,
      'raise maxmemory, or lower MILLRACE_LOG_RETENTION_SECONDS',
    );
  }
  return ok(about, `${mb(used)} of ${mb(limit)} used`);
}

/** Redis checks the rights of a command before it looks at its arguments: a name that nobody has tells them without doing harm. */
async function rightsOf(redis: Redis, keyPrefix: string): Promise<Finding> {
  const about = 'redis: rights';
  const user = await redis.call('ACL', 'WHOAMI').catch(() => null);
  const who = typeof user === 'string' ? user : 'unknown';
  const missing: string[] = [];
  for (const [command, ...args] of neededWith(keyPrefix)) {
    const answer = await redis.call(command, ...args).catch((error: unknown) => error);
    if (answer instanceof Error && answer.message.startsWith('NOPERM'))
      missing.push(command === 'EVAL' ? command : `${command} ${args[0]}`);
  }
  if (missing.length === 0) return ok(about, `user ${plainLine(who)}`);
  return fault(
    about,
    `the user ${plainLine(who)} may not ${missing.join(', ')}`,
    [
      '# is the prefix that of the service? --key-prefix, or MILLRACE_KEY_PREFIX. The least rights: infra/redis/millrace.acl.template',
      `ACL SETUSER ${plainLine(who)} ~${keyPrefix}:* ~{${keyPrefix}:* &${keyPrefix}:* +@all -@dangerous +info`,
    ].join('\n'),
  );
}

/** A command of each kind that API and workers use, in each part of the keys that both share, on names that nobody has.
 *  @see infra/redis/millrace.acl.template */
function neededWith(prefix: string): readonly (readonly [string, ...string[]])[] {
  const record = `${prefix}:{~doctor}:record`;
  return [
    ['EVAL', 'return 1', '1', record],
    ['XRANGE', `${prefix}:{~doctor}:log`, '-', '+', 'COUNT', '1'],
    ['HGETALL', record],
    ['DEL', record],
    ['ZRANGE', `{${prefix}:registry}:~doctor`, '0', '0'],
    ['ZRANGE', `{${prefix}:threads}:~doctor`, '0', '0'],
    ['HGET', `{${prefix}:encryption}:data-keys`, '~doctor'],
    ['ZRANGE', `{${prefix}:queue}:~doctor`, '0', '0'],
    ['PUBLISH', `${prefix}:{~doctor}:live`, ''],
  ];
}

async function latencyOf(redis: Redis): Promise<Finding> {
  const about = 'redis: latency';
  const times: number[] = [];
  for (let i = 0; i < PINGS; i++) {
    const from = performance.now();
    await redis.ping();
    times.push(performance.now() - from);
  }
  times.sort((a, b) => a - b);
  const median = times[PINGS / 2] ?? 0;
  const worst = times.at(-1) ?? 0;
  const says = `${median.toFixed(2)} ms, worst of ${PINGS} ${worst.toFixed(1)} ms`;
  if (median <= SLOW_MEDIAN_MS && worst <= SLOW_WORST_MS) return ok(about, says);
  return warning(
    about,
    `${says}: each token waits for it`,
    'run Redis in the zone of the API and the workers, on a machine of its own',
  );
}

/** From SLOWLOG GET: id, seconds, microseconds, words of the command, address, name of the connection. */
type SlowCommand = readonly [
  id: number,
  at: number,
  micros: number,
  words: readonly string[],
  from: string,
  name: string,
];

/** What held everything else up of late, and whose connection it came from. The words after a command may be a user's.
 *  @returns nothing for a user who may not ask */
async function slowCommandsOf(redis: Redis): Promise<Finding[]> {
  const about = 'redis: slow commands';
  let all: readonly SlowCommand[];
  let now: number;
  try {
    all = (await redis.call('SLOWLOG', 'GET', SLOW_COMMANDS)) as readonly SlowCommand[];
    now = Number((await redis.time())[0]);
  } catch (error) {
    // infra/redis/millrace.acl.template does not give it to the services
    if (error instanceof Error && error.message.startsWith('NOPERM')) return [];
    throw error;
  }
  const late = all.filter(([, at]) => now - at <= SLOW_COMMANDS_SECONDS);
  if (late.length === 0) return [ok(about, 'none within five minutes')];
  const kinds = [
    ...Map.groupBy(late, ({ 3: [command = ''], 4: from, 5: name }) => `${command} ${name || hostOf(from)}`),
  ]
    .map(([, same]) => ({ same, ms: Math.max(...same.map(([, , micros]) => micros)) / 1000 }))
    .toSorted((one, other) => other.ms - one.ms);
  const says = kinds.slice(0, 3).map(({ same, ms }) => {
    const [, , , [command = ''], from, name] = same[0] as SlowCommand;
    const who = name === '' ? hostOf(from) : `${name}, ${hostOf(from)}`;
    return plainLine(`${same.length} × ${command.toUpperCase()} of up to ${Math.round(ms)} ms (${who})`);
  });
  return [
    warning(
      about,
      `${says.join('; ')} within five minutes: all else waits meanwhile`,
      '# whole: SLOWLOG GET. Is it not of Millrace? Give Millrace a Redis of its own',
    ),
  ];
}

const hostOf = (address: string) => address.replace(/:\d+$/, '');

async function clockOf(redis: Redis): Promise<Finding> {
  const from = Date.now();
  const [seconds, micros] = (await redis.time()) as [number, number];
  const now = Number(seconds) * 1000 + Number(micros) / 1000;
  const to = Date.now();
  return skewFinding('redis: clock', Math.max(0, from - now, now - to), MAX_SKEW_MS);
}

/** @param skewMs how far a clock is off, beyond what the way of the question explains */
export function skewFinding(about: string, skewMs: number, maxMs: number): Finding {
  if (skewMs <= maxMs) return ok(about, 'agrees with the clock of this machine');
  return fault(about, `is ${(skewMs / 1000).toFixed(1)} s off the clock of this machine`, 'timedatectl set-ntp true');
}
