import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { PROXY_DEFAULTS } from '../../infra/nginx/render.mjs';
import { apiSettingsSchema } from '../../services/api/src/settings.ts';
import { workerSettingsSchema } from '../../services/worker/src/settings.ts';
import { inProject } from '../setup/project.mjs';

interface Service {
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly ports?: readonly string[];
}

interface Composition {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: object;
  readonly volumes: object;
}

const compositionIn = (file: string): Composition =>
  parse(readFileSync(inProject(file), 'utf8'), { merge: true }) as Composition;

const { services, networks, volumes } = compositionIn('docker-compose.yml');

/** What the image sets or the compose file decides by itself. */
const OWN = new Set(['MILLRACE_WEB_ROOT', 'MILLRACE_WORKER_HEALTH_PORT', 'PORT', 'HOST']);

/** What containers must not have. */
const NEVER = new Set(['MILLRACE_DEMONSTRATION']);

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

describe('examples/compose-caddy', () => {
  const example = compositionIn('examples/compose-caddy/compose.yaml');

  it('has Caddy in place of nginx, and everything else as it is', () => {
    const { caddy, ...others } = example.services;
    const { nginx, ...ours } = services;
    const extended = (service: string) => ({ extends: { file: '../../docker-compose.yml', service } });
    expect(others).toEqual(Object.fromEntries(Object.keys(ours).map((name) => [name, extended(name)])));
    expect(example).toMatchObject({ networks, volumes });
    for (const port of caddy?.ports ?? []) expect(port).toMatch(/^\$\{BIND:-127\.0\.0\.1\}:/);
    expect(nginx).toBeDefined();
  });
});
