import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort, startNginx, startRedis, type TestNginx } from '@millrace/testing';
import { Redis } from 'ioredis';
import { MillraceCommand } from './millrace-command.ts';
import { OtherProxy } from './other-proxy.ts';
import { SystemHarness } from './system-harness.ts';

interface Finding {
  readonly verdict: string;
  readonly about: string;
  readonly says: string;
  readonly remedy?: string;
}

const HEARTBEAT_MS = 3000;
const TIMEOUT_MS = 240_000;

const parts = new AsyncDisposableStack();
let system: SystemHarness;
beforeAll(async () => {
  const env = { MILLRACE_HEARTBEAT_MS: String(HEARTBEAT_MS) };
  system = parts.use(await SystemHarness.start({ processes: 1, env }));
}, TIMEOUT_MS);
afterAll(() => parts.disposeAsync());

/** What it finds wrong, and its exit. Slowness is a warning: this machine may be busy. */
async function doctor(
  url: string,
  ...args: string[]
): Promise<{ code: number | null; wrong: Finding[]; all: Finding[] }> {
  const { code, out } = await MillraceCommand.run(url, ['doctor', '--json', ...args]);
  const all = out
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Finding);
  return { code, all, wrong: all.filter(({ verdict }) => verdict === 'fault') };
}

/** An nginx before the node, that does one thing badly. */
async function nginxWith(location: string, http = ''): Promise<TestNginx> {
  const port = await freePort();
  const conf = `events {} http { access_log off; ${http}
    server { listen 127.0.0.1:${port}; location / { proxy_pass ${system.node(0)}; proxy_set_header Host $http_host; ${location} } } }`;
  return parts.use(await startNginx({ files: { 'nginx.conf': conf }, port }));
}

/** A Caddy or an HAProxy before the node with this file, in which LISTEN and NODE are where it listens and whom it asks. */
async function otherProxy(program: 'caddy' | 'haproxy', config: string): Promise<OtherProxy> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-doctor-'));
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'config');
  await writeFile(file, config);
  const envFor = (port: number) => ({ LISTEN: `127.0.0.1:${port}`, NODE: new URL(system.node(0)).host });
  return parts.use(await OtherProxy.start({ program, config: file, envFor }));
}

const caddyWith = (lines: string) => `{
  admin off
}
http://{$LISTEN} {
  reverse_proxy {$NODE} {
    ${lines}
  }
}
`;

const haproxyWith = (timeOut: string) => `
defaults
  mode http
  timeout connect 2s
  timeout client 1h
  timeout server ${timeOut}
listen front
  bind "$LISTEN"
  server node "$NODE"
`;

async function withRedis(url: string, work: (client: Redis) => Promise<unknown>): Promise<void> {
  const client = new Redis(url);
  try {
    await work(client);
  } finally {
    client.disconnect();
  }
}

const GOOD = 'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_read_timeout 1h;';

describe('a proxy', () => {
  it(
    'that is as it should be has no fault',
    async () => {
      const { code, wrong, all } = await doctor(system.url, '--node', system.node(0));
      expect({ code, wrong }).toEqual({ code: 0, wrong: [] });
      expect(all.map(({ about }) => about)).toEqual(
        expect.arrayContaining(['proxy: HTTP version', 'proxy: compression', 'proxy: buffering', 'proxy: time-outs']),
      );
    },
    TIMEOUT_MS,
  );

  const HTTP_1_0 = 'proxy_http_version 1.0; proxy_read_timeout 1h;';
  it.each([
    [
      'collects streams',
      `${HTTP_1_0} proxy_ignore_headers X-Accel-Buffering;`,
      '',
      ['proxy: HTTP version', 'proxy: buffering'],
      'proxy_buffering off;',
    ],
    ['speaks HTTP/1.0', HTTP_1_0, '', ['proxy: HTTP version'], 'proxy_http_version 1.1;'],
    [
      'compresses streams',
      GOOD,
      'gzip on; gzip_types text/event-stream; gzip_min_length 1;',
      ['proxy: compression'],
      'gzip off;',
    ],
    ['cuts what is quiet', GOOD.replace('1h', '1s'), '', ['proxy: time-outs'], 'proxy_read_timeout 1h;'],
  ])(
    'that %s is found, with the line that mends it',
    async (_, location, http, abouts, remedy) => {
      const { url } = await nginxWith(location, http);
      const { code, wrong } = await doctor(url);
      expect({ code, abouts: wrong.map(({ about }) => about) }).toEqual({ code: 1, abouts });
      expect(wrong.map(({ remedy }) => remedy).join('\n')).toContain(remedy);
    },
    TIMEOUT_MS,
  );

  it.each([
    ['Caddy', 'collects streams', 'caddy', caddyWith('buffer_responses'), 'proxy: buffering', 'no response_buffers'],
    [
      'Caddy',
      'cuts what is quiet',
      'caddy',
      caddyWith('transport http {\n read_timeout 1s\n}'),
      'proxy: time-outs',
      'read_timeout 1h',
    ],
    ['HAProxy', 'cuts what is quiet', 'haproxy', haproxyWith('1s'), 'proxy: time-outs', 'timeout server 1h'],
  ] as const)(
    'a %s that %s is found, too',
    async (_, __, program, config, about, remedy) => {
      const { url } = await otherProxy(program, config);
      const { code, wrong } = await doctor(url);
      expect({ code, abouts: wrong.map((finding) => finding.about) }).toEqual({ code: 1, abouts: [about] });
      expect(wrong[0]?.remedy).toContain(remedy);
    },
    TIMEOUT_MS,
  );

  it('before a node that has lost one of several Redis does not hide that: the node is ready, and says so', async () => {
    const node = createServer((_, response) => response.end('{"status":"ready","lostShards":[1]}'));
    await new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve));
    parts.defer(() => void node.close());
    const url = `http://127.0.0.1:${(node.address() as AddressInfo).port}`;
    const { code, wrong } = await doctor(system.url, '--quick', '--node', url);
    expect({ code, wrong }).toMatchObject({
      code: 1,
      wrong: [{ about: `node ${url}`, says: expect.stringContaining('shard 1 is lost') }],
    });
  });

  it('that finds no node is found, and a node that is away', async () => {
    const port = await freePort();
    const nowhere = `http://127.0.0.1:${port}`;
    const { code, wrong } = await doctor(system.url, '--quick', '--node', nowhere);
    expect({ code, wrong }).toMatchObject({ code: 1, wrong: [{ verdict: 'fault', about: `node ${nowhere}` }] });
  });
});

describe('a Redis', () => {
  it.each([
    [
      'forgets when it is full',
      { 'maxmemory-policy': 'allkeys-lru' },
      'redis: eviction',
      'maxmemory-policy noeviction',
    ],
    ['keeps nothing on disk', { appendonly: 'no' }, 'redis: persistence', 'appendonly yes'],
  ])('that %s is found', async (_, settings, about, remedy) => {
    await using redis = await startRedis({ kind: 'process' });
    await withRedis(redis.url, async (client) => {
      const good = { maxmemory: '100mb', 'maxmemory-policy': 'noeviction', appendonly: 'yes' };
      for (const [name, value] of Object.entries({ ...good, ...settings })) await client.config('SET', name, value);
    });
    const { wrong } = await doctor(system.url, '--quick', '--redis', redis.url);
    expect(wrong).toEqual([
      expect.objectContaining({ verdict: 'fault', about, remedy: expect.stringContaining(remedy) }),
    ]);
  });

  it('of several is named by its number, as is one that two of them are', async () => {
    await using other = await startRedis({ kind: 'process' });
    const away = `redis://127.0.0.1:${await freePort()}`;
    const { all, wrong } = await doctor(
      system.url,
      ...['--quick', '--redis', system.redis.url, `${other.url} | ${away}`, `${other.url}/1`],
    );
    const abouts = all.map(({ about }) => about);
    for (const shard of [0, 1, 3]) expect(abouts).toContain(`redis ${shard}: version`);
    expect(wrong).toEqual([
      expect.objectContaining({ about: 'redis 2', says: expect.stringMatching('does not answer') }),
      expect.objectContaining({ about: 'redis: shards', says: '1 and 3 are one server' }),
    ]);
  });

  it('that somebody’s slow command holds up is found, with who sent it and without what it said', async () => {
    await withRedis(system.redis.url, async (client) => {
      await client.client('SETNAME', 'nightly-report');
      await client.eval("for i = 1, 1e5 do redis.call('SADD', KEYS[1], 'a-secret' .. i) end", 1, 'foreign');
      for (let i = 0; i < 3; i++) await client.sort('foreign', 'LIMIT', 0, 1, 'ALPHA');
      await client.del('foreign');
    });
    const { all } = await doctor(system.url, '--quick', '--redis', system.redis.url);
    const found = all.find(({ about }) => about === 'redis: slow commands');
    expect(found).toMatchObject({
      verdict: 'warning',
      says: expect.stringMatching(/3 × SORT of .* ms \(nightly-report, 127/),
    });
    expect(JSON.stringify(all)).not.toContain('a-secret');
    // as the services may: they do not ask for it
    const services = await doctor(system.url, '--quick', '--redis', system.envOf('api')['REDIS_URL'] ?? '');
    expect(services.all.map(({ about }) => about)).toContain('redis: clock');
    expect(services.all.map(({ about }) => about)).not.toContain('redis: slow commands');
  });

  it('whose user may not do what is needed is found, and one that does not answer', async () => {
    const url = new URL(system.redis.url);
    const rights = ['on', '>secret', '~*', '&*', '+@all', '-eval', '-publish'];
    await withRedis(system.redis.url, (client) => client.call('ACL', 'SETUSER', 'weak', ...rights));
    url.username = 'weak';
    url.password = 'secret';
    const weak = await doctor(system.url, '--quick', '--redis', url.href);
    expect(weak.wrong).toContainEqual(
      expect.objectContaining({
        about: 'redis: rights',
        says: expect.stringMatching(/may not EVAL, PUBLISH millrace:\{/),
      }),
    );
    const away = await doctor(system.url, '--quick', '--redis', `redis://127.0.0.1:${await freePort()}`);
    expect(away.wrong).toMatchObject([
      { verdict: 'fault', about: 'redis', says: expect.stringMatching('does not answer') },
    ]);
  });
});
