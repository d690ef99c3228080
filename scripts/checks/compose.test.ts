import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { PROXY_DEFAULTS } from '../../infra/nginx/render.mjs';
import { apiSettingsSchema } from '../../services/api/src/settings.ts';
import { workerSettingsSchema } from '../../services/worker/src/settings.ts';
import { findProgram } from '../setup/install-package.mjs';
import { inProject } from '../setup/project.mjs';

interface Service {
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly image?: string;
  readonly profiles?: readonly string[];
  readonly networks?: readonly string[];
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
}

interface Composition {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, object>>;
  readonly volumes: Readonly<Record<string, object>>;
}

const compositionIn = (file: string): Composition =>
  parse(readFileSync(inProject(file), 'utf8'), { merge: true }) as Composition;

const { services, networks, volumes } = compositionIn('docker-compose.yml');

/** What the image sets or the compose file decides by itself. */
const OWN = new Set(['MILLRACE_WEB_ROOT', 'MILLRACE_WORKER_HEALTH_PORT', 'PORT', 'HOST']);

/** What containers must not have. */
const NEVER = new Set(['MILLRACE_DEMONSTRATION']);

/** Docker may be there without its plugin. */
function hasCompose(): boolean {
  if (findProgram('docker') === null) return false;
  return spawnSync('docker', ['compose', 'version'], { stdio: 'ignore' }).status === 0;
}

describe('docker compose', () => {
  it.each([
    ['api', apiSettingsSchema],
    ['worker', workerSettingsSchema],
  ])('passes every setting of the %s on', (name, schema) => {
    const passed = services[name]?.environment ?? {};
    const wanted = Object.keys(schema.shape).filter((setting) => !OWN.has(setting) && !NEVER.has(setting));
    expect(wanted.filter((setting) => !(setting in passed))).toEqual([]);
    expect(Object.keys(passed).filter((setting) => NEVER.has(setting))).toEqual([]);
  });

  it('gives nginx the defaults that it has without containers', () => {
    const defaults = Object.entries(PROXY_DEFAULTS).map(([name, value]) => [name, `\${${name}:-${value}}`]);
    expect(services['nginx']?.environment).toMatchObject(Object.fromEntries(defaults));
  });

  it('lets the API decide who may call, by where its port is published', () => {
    expect(services['api']).toMatchObject({
      environment: { MILLRACE_AUTH: null, BIND: expect.stringMatching(/:-127\.0\.0\.1\}$/) },
      entrypoint: ['/start-api.sh'],
    });
    expect(services['nginx']?.ports).toEqual([expect.stringMatching(/^\$\{BIND:-127\.0\.0\.1\}:.*:8080$/)]);
  });

  it('runs a Redis that never makes room by dropping a key (BullMQ: noeviction)', () => {
    expect(JSON.stringify(services['redis'])).toMatch(/--maxmemory-policy[", ]+noeviction/);
  });
});

describe('docker compose --profile observability', () => {
  const inProfile = Object.entries(services).filter(([, { profiles = [] }]) => profiles.length > 0);
  const { scrape_configs: scraped } = parse(readFileSync(inProject('infra/observability/prometheus.yml'), 'utf8')) as {
    scrape_configs: { dns_sd_configs: { names: [string]; port: number }[] }[];
  };

  it('is needed by nothing else', () => {
    expect(inProfile.map(([name]) => name)).toEqual(['prometheus', 'grafana', 'jaeger']);
    for (const [, { profiles }] of inProfile) expect(profiles).toEqual(['observability']);
  });

  it('reads the metrics of API and workers where they are', () => {
    const read = scraped.flatMap(({ dns_sd_configs: found }) => found.map(({ names: [name], port }) => [name, port]));
    const image = /^ENV PORT=(\d+)/m.exec(readFileSync(inProject('infra/docker/Dockerfile'), 'utf8'));
    expect(read).toEqual([
      ['api', Number(image?.[1])],
      ['worker', Number(services['worker']?.environment?.['MILLRACE_WORKER_HEALTH_PORT'])],
    ]);
    for (const [name] of read) {
      const shared = services['prometheus']?.networks?.filter((net) => services[`${name}`]?.networks?.includes(net));
      expect(shared).toEqual(['back']);
    }
  });

  it('publishes its pages on this machine alone, from images of one version', () => {
    for (const [, { ports = [], image }] of inProfile) {
      expect(ports).toEqual([expect.stringMatching(/^127\.0\.0\.1:/)]);
      expect(image).toMatch(/^\$\{\w+:-[\w/]+:v?\d+\.\d+\.\d+\}$/);
    }
  });

  it('mounts files that are there, and gives Grafana what its configuration names', () => {
    const files = inProfile.flatMap(([, { volumes: own = [] }]) => own.filter((volume) => volume.startsWith('./')));
    expect(files.filter((volume) => !existsSync(inProject(volume.split(':')[0] ?? '')))).toEqual([]);
    const textOf = (file: string) => readFileSync(inProject(`infra/observability/grafana/${file}`), 'utf8');
    const { datasources } = parse(textOf('datasources/millrace.yml')) as { datasources: { url: string }[] };
    for (const { url } of datasources) expect(inProfile.map(([name]) => name)).toContain(new URL(url).hostname);
    const { providers } = parse(textOf('dashboards/millrace.yml')) as { providers: { options: { path: string } }[] };
    for (const { options } of providers) expect(files.join('\n')).toContain(`:${options.path}:ro`);
  });

  (hasCompose() ? it : it.skip)('is a composition that Docker takes', () => {
    const options = { encoding: 'utf8', cwd: inProject(''), stdio: 'pipe' } as const;
    const config = ['compose', '--profile', 'observability', 'config', '--format', 'json'];
    const told = JSON.parse(execFileSync('docker', config, options)) as Composition;
    expect(new Set(Object.keys(told.services))).toEqual(new Set(Object.keys(services)));
  });
});

describe('examples/compose-caddy', () => {
  const example = compositionIn('examples/compose-caddy/compose.yaml');

  it('has Caddy in place of nginx, and everything else as it is', () => {
    const { caddy, ...others } = example.services;
    const { nginx, ...ours } = services;
    const extended = (service: string) => ({ extends: { file: '../../docker-compose.yml', service } });
    const always = Object.entries(ours).filter(([, { profiles }]) => profiles === undefined);
    expect(others).toEqual(Object.fromEntries(always.map(([name]) => [name, extended(name)])));
    const { watch: _, ...theirs } = networks;
    expect(example).toMatchObject({ networks: theirs, volumes: { 'redis-data': volumes['redis-data'] } });
    for (const port of caddy?.ports ?? []) expect(port).toMatch(/^\$\{BIND:-127\.0\.0\.1\}:/);
    expect(nginx).toBeDefined();
  });
});
