/** The address and topology of a Redis. */
export interface RedisAddress {
  readonly mode: 'single' | 'sentinel' | 'cluster';
  /** the server; the sentinels; or some nodes of the cluster */
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly db: number;
  readonly tls: boolean;
  /** the sentinels' name for the master; '' in other modes */
  readonly masterName: string;
}

/** `problem` describes the error without quoting the URL, which may contain a password. */
export type ParsedRedisUrl =
  | { readonly ok: true; readonly address: RedisAddress }
  | { readonly ok: false; readonly problem: string };

const REDIS_URL = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^/?#]*)@)?([^/?#@]*)(?:\/([^?#]*))?$/;
const DEFAULT_PORT = { single: 6379, sentinel: 26379, cluster: 6379 } as const;

/** Parses the forms of `REDIS_URL`:
 *  `redis://[user:pass@]host[:port][/db]`,
 *  `redis+sentinel://[user:pass@]h1:26379,h2:26379/<master>[/db]`,
 *  `redis+cluster://[user:pass@]h1:7000,h2:7001`; each with `rediss` for TLS.
 *  User and password are percent-decoded; an IPv6 host must be in brackets. */
export function parseRedisUrl(url: string): ParsedRedisUrl {
  const match = REDIS_URL.exec(url);
  if (match === null) return bad('must look like redis://, rediss://, redis+sentinel:// or redis+cluster:// and hosts');
  const [, scheme, layout, userInfo, hosts = '', path = ''] = match;
  const mode = (layout ?? 'single') as RedisAddress['mode'];

  const nodes = hosts.split(',').map((host) => parseHost(host, DEFAULT_PORT[mode]));
  const known = nodes.filter((node) => node !== null);
  if (known.length < nodes.length) return bad('has a host that is not `name`, `name:port` or `[ipv6]:port`');
  if (mode === 'single' && nodes.length > 1)
    return bad('names several hosts: use redis+sentinel:// or redis+cluster://');

  const credentials = parseUserInfo(userInfo);
  if (credentials === null) return bad('has a user or password that is not properly percent-encoded');

  const parsed = parsePath(mode, path);
  if (typeof parsed === 'string') return bad(parsed);
  return { ok: true, address: { mode, nodes: known, tls: scheme === 'rediss', ...credentials, ...parsed } };
}

function parseHost(text: string, defaultPort: number): { host: string; port: number } | null {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) return null;
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  return port >= 1 && port <= 65_535 ? { host, port } : null;
}

function parseUserInfo(text: string | undefined): Pick<RedisAddress, 'username' | 'password'> | null {
  if (text === undefined || text === '') return { username: undefined, password: undefined };
  const colon = text.indexOf(':');
  try {
    const username = decodeURIComponent(colon === -1 ? text : text.slice(0, colon));
    const password = colon === -1 ? '' : decodeURIComponent(text.slice(colon + 1));
    return { username: username || undefined, password: password || undefined };
  } catch {
    return null; // decodeURIComponent: a malformed escape
  }
}

function parsePath(mode: RedisAddress['mode'], path: string): Pick<RedisAddress, 'db' | 'masterName'> | string {
  const parts = path === '' ? [] : path.split('/');
  if (mode === 'cluster')
    return parts.length === 0 ? { db: 0, masterName: '' } : 'names a database: a cluster has only one';
  const masterName = mode === 'sentinel' ? parts.shift() : '';
  if (masterName === undefined || (mode === 'sentinel' && !/^[A-Za-z0-9._-]+$/.test(masterName))) {
    return 'lacks the master’s name: redis+sentinel://host:26379/<master-name>';
  }
  const db = parts.shift() ?? '0';
  if (parts.length > 0 || !/^\d{1,4}$/.test(db)) return 'has a database that is not a number';
  return { db: Number(db), masterName };
}

function bad(problem: string): ParsedRedisUrl {
  return { ok: false, problem };
}
