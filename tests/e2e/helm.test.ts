import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadSettings, redisUrlsOf } from '@millrace/runtime';
import { Child, freePort } from '@millrace/testing';
import { Redis } from 'ioredis';
import { parse } from 'yaml';
import { manifestProblems } from '../../infra/helm/manifest-problems.mjs';
import { apiSettingsSchema } from '../../services/api/src/settings.ts';
import { workerSettingsSchema } from '../../services/worker/src/settings.ts';
import {
  CHART,
  type Container,
  componentOf,
  containerOf,
  fileOf,
  helm,
  type Manifest,
  podOf,
  renderChart,
  VALUE_SETS,
  workloads,
} from './helm-chart.ts';

const SCHEMAS = { api: apiSettingsSchema, worker: workerSettingsSchema };

/** What the Secrets of the values hold. */
const SECRETS: Readonly<Record<string, string>> = {
  REDIS_URL: 'redis://:hunter2@redis:6379',
  REDIS_URLS: 'redis://:hunter2@redis-a:6379 redis://:hunter2@redis-b:6379',
  MILLRACE_API_KEYS: 'acme:user:hunter2-hunter2-hunter2',
  MILLRACE_TOKEN_SECRET: 'hunter2-hunter2-hunter2-hunter2-hunter2',
  MILLRACE_WEBHOOK_SECRET: `whsec_${'a'.repeat(32)}`,
  MILLRACE_ENCRYPTION_KEYS: `first:${Buffer.alloc(32, 'k').toString('base64')}`,
  MILLRACE_CHECKPOINTS: 'postgres://me:hunter2@database/millrace',
  MILLRACE_ARCHIVE: 's3://a-bucket/jobs?region=eu-central-1',
  OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20hunter2',
  OPENAI_API_KEY: 'sk-hunter2',
};

/** Variables where there is no password. */
const REDIS = ['REDIS_URL', 'REDIS_URLS'];

const parts = new AsyncDisposableStack();
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-helm-'));
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(SECRETS)) await writeFile(join(folder, name), content);
});
afterAll(() => parts.disposeAsync());

/** The environment that a container would have, with its secrets in the test's folder. */
function environmentOf({ env = [] }: Container): Record<string, string> {
  const inPod = /^\/run\/secrets\/millrace(?=\/)/;
  return Object.fromEntries(env.map(({ name, value = 'by reference' }) => [name, value.replace(inPod, folder)]));
}

const settingsOf = (manifests: readonly Manifest[], service: 'api' | 'worker') =>
  environmentOf(containerOf(manifests, service));

describe.each(VALUE_SETS)('the chart with %s', (valueSet) => {
  let manifests: Manifest[];
  beforeAll(async () => {
    manifests = await renderChart('-f', fileOf(valueSet));
  });

  it('pleases helm lint', async () => {
    expect(await helm('lint', '--strict', CHART, '-f', fileOf(valueSet))).toContain('0 chart(s) failed');
  });

  it('gives manifests that a server takes, without a field that it would drop', async () => {
    const problems = await Promise.all(
      manifests.map(async (manifest) => [manifest.metadata.name, await manifestProblems({ ...manifest })]),
    );
    expect(problems.filter(([, list]) => list?.length !== 0)).toEqual([]);
  });

  it('gives API and workers an environment that they take, and no variable that they do not know', () => {
    const api = settingsOf(manifests, 'api');
    expect(loadSettings(apiSettingsSchema, api)).toMatchObject({ HOST: '0.0.0.0', PORT: 8080 });
    const worker = settingsOf(manifests, 'worker');
    expect(loadSettings(workerSettingsSchema, worker)).toMatchObject({ MILLRACE_WORKER_HEALTH_PORT: 9090 });
    for (const [service, env] of Object.entries({ api, worker })) {
      const known = Object.keys(SCHEMAS[service as 'api' | 'worker'].shape);
      const ours = Object.keys(env).filter((name) => /^(MILLRACE|OPENAI|OTEL|REDIS)_/.test(name));
      expect(ours.filter((name) => !known.includes(name) && !known.includes(name.replace(/_FILE$/, '')))).toEqual([]);
    }
    for (const name of ['REDIS_URL', 'REDIS_URL_FILE', 'REDIS_URLS', 'REDIS_URLS_FILE'])
      expect([name, api[name]]).toEqual([name, worker[name]]);
  });

  it('leaves each pod more time to stop than its process takes', () => {
    const api = loadSettings(apiSettingsSchema, settingsOf(manifests, 'api'));
    const { MILLRACE_DRAIN_MS: drain, MILLRACE_LINGER_MS: linger } = api;
    const preStop = containerOf(manifests, 'api').lifecycle?.preStop.sleep.seconds ?? 0;
    const stopMs = Math.max(drain, linger) + linger + 5_000; // services/api/src/main.ts
    const timeMs = (component: string) => podOf(manifests, component).terminationGracePeriodSeconds * 1_000;
    expect(timeMs('api')).toBeGreaterThan(preStop * 1_000 + stopMs);
    // nginx takes no connections any more while endpoints still lead to it, unless the node waits
    expect(preStop * 1_000 + linger).toBeGreaterThanOrEqual(5_000);
    const { MILLRACE_WORKER_GRACE_MS: grace } = loadSettings(workerSettingsSchema, settingsOf(manifests, 'worker'));
    expect(timeMs('worker')).toBeGreaterThan(grace + 5_000); // services/worker/src/main.ts
  });

  it('lets no container do more than its work', () => {
    for (const { spec } of workloads(manifests)) {
      const pod = spec.template.spec;
      expect(pod.automountServiceAccountToken).toBe(false);
      expect(pod.securityContext).toMatchObject({
        runAsNonRoot: true,
        runAsUser: expect.any(Number),
        seccompProfile: { type: 'RuntimeDefault' },
      });
      for (const container of pod.containers) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          runAsNonRoot: true,
          capabilities: { drop: ['ALL'] },
          seccompProfile: { type: 'RuntimeDefault' },
        });
      }
    }
  });

  it('holds no secret, and gives none to a container as a variable of ours', () => {
    expect(manifests.filter(({ kind }) => kind === 'Secret')).toEqual([]);
    for (const service of ['api', 'worker'] as const) {
      const names = Object.keys(settingsOf(manifests, service));
      expect(names.filter((name) => !REDIS.includes(name) && name in SECRETS)).toEqual([]);
    }
    for (const name of REDIS) expect(settingsOf(manifests, 'api')[name] ?? '').not.toContain('@');
  });

  it('asks the paths that tell of health, on the port that has them', () => {
    for (const [service, port] of [
      ['api', 8080],
      ['worker', 9090],
    ] as const) {
      const { ports, startupProbe, livenessProbe, readinessProbe } = containerOf(manifests, service);
      expect(ports).toEqual([{ name: 'http', containerPort: port }]);
      expect([startupProbe, livenessProbe, readinessProbe].map((probe) => probe?.httpGet)).toEqual([
        { path: '/healthz', port: 'http' },
        { path: '/healthz', port: 'http' },
        { path: '/readyz', port: 'http' },
      ]);
    }
  });

  it('keeps some of each component, on several machines, while machines are emptied', () => {
    for (const component of ['api', 'worker', 'nginx']) {
      const deployment = workloads(manifests).find(({ metadata }) => componentOf(metadata.labels) === component);
      if (deployment === undefined) continue;
      const budgets = manifests.filter(({ kind }) => kind === 'PodDisruptionBudget');
      const own = budgets.filter(({ metadata }) => componentOf(metadata.labels) === component);
      expect(own.map(({ spec }) => spec)).toEqual([
        expect.objectContaining({ maxUnavailable: 1, selector: deployment.spec.selector }),
      ]);
      expect(podOf(manifests, component).topologySpreadConstraints).toHaveLength(2);
    }
  });

  it('selects pods by labels that they have', () => {
    const pods = workloads(manifests).map(({ spec }) => spec.template.metadata.labels);
    const selectors = manifests.flatMap(({ kind, metadata, spec }): object[] => {
      if (kind === 'Service' && !metadata.name.endsWith('-nobody')) return [spec.selector];
      return kind === 'NetworkPolicy' ? [(spec['podSelector'] as Manifest['spec']['selector']).matchLabels] : [];
    });
    for (const selector of selectors) {
      expect(pods).toContainEqual(expect.objectContaining(selector));
    }
  });
});

describe('the chart', () => {
  it('denies every connection that it does not list', async () => {
    const policies = (await renderChart()).filter(({ kind }) => kind === 'NetworkPolicy');
    const specOf = (component: string) =>
      policies.find(({ metadata }) => componentOf(metadata.labels) === component)?.spec as Record<string, unknown>;
    expect(specOf('default-deny')).toEqual({
      podSelector: { matchLabels: { 'app.kubernetes.io/name': 'millrace', 'app.kubernetes.io/instance': 'chat' } },
      policyTypes: ['Ingress', 'Egress'],
    });
    const peer = (component: string) => ({
      podSelector: { matchLabels: expect.objectContaining({ 'app.kubernetes.io/component': component }) },
    });
    expect(specOf('worker')['ingress']).toEqual([]);
    expect(specOf('api')['ingress']).toEqual([{ ports: [{ port: 8080 }], from: [peer('nginx')] }]);
    expect(specOf('redis')['ingress']).toEqual([{ ports: [{ port: 6379 }], from: [peer('api'), peer('worker')] }]);
    expect(specOf('redis')['egress']).toEqual([]);
    expect(JSON.stringify(specOf('api')['egress'])).not.toContain('0.0.0.0/0');
    expect(specOf('nginx')['egress']).toEqual([
      expect.objectContaining({ ports: expect.arrayContaining([{ port: 53, protocol: 'UDP' }]) }),
      { ports: [{ port: 8080 }], to: [peer('api')] },
    ]);
  });

  it('lets both services reach the collector of traces, and writes a share as it is', async () => {
    const manifests = await renderChart('-f', fileOf('monitoring-values.yaml'));
    for (const service of ['api', 'worker'] as const) {
      expect(settingsOf(manifests, service)).toMatchObject({ OTEL_TRACES_SAMPLER_ARG: '0.01' });
      const policy = manifests.find(
        ({ kind, metadata }) => kind === 'NetworkPolicy' && componentOf(metadata.labels) === service,
      );
      const to = [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }];
      expect(policy?.spec['egress']).toContainEqual({ ports: [{ port: 4318 }], to });
    }
  });

  it('gives both services all shards, and none of them a single Redis beside', async () => {
    const shards = settingsOf(await renderChart('-f', fileOf('shards-values.yaml')), 'worker');
    expect(redisUrlsOf(loadSettings(workerSettingsSchema, shards))).toMatchObject({
      urls: [
        'redis://redis-a:6379',
        'redis+sentinel://sentinel-0.b:26379,sentinel-1.b:26379/main',
        'redis://redis-c:6379',
      ],
      generations: [2, 3],
    });
    expect(shards).toMatchObject({ MILLRACE_SHARDS_IN_USE: '2' });
    const secret = settingsOf(await renderChart('-f', fileOf('shards-with-password-values.yaml')), 'api');
    expect(redisUrlsOf(loadSettings(apiSettingsSchema, secret)).urls).toHaveLength(2);
    for (const env of [shards, secret])
      expect(Object.keys(env).filter((name) => /^REDIS_URL(_FILE)?$/.test(name))).toEqual([]);
  });

  it.each([
    ['a name that is no setting', ['api.settings.MILLRACE_DRIAN_MS=1'], "'MILLRACE_DRIAN_MS' not allowed"],
    ['a setting of the other service', ['worker.settings.MILLRACE_DRAIN_MS=1'], "'MILLRACE_DRAIN_MS' not allowed"],
    ['a secret among the settings', ['settings.MILLRACE_ENCRYPTION_KEYS=a'], "'MILLRACE_ENCRYPTION_KEYS' not allowed"],
    ['a secret by its value', ['secrets.OPENAI_API_KEY=sk-1'], '/secrets/OPENAI_API_KEY'],
    [
      'a secret in a variable of agents',
      ['worker.extraEnv[0].name=SEARCH_API_KEY', 'worker.extraEnv[0].value=x'],
      'valueFrom',
    ],
    [
      'a password in the URL of Redis',
      ['redis.mode=external', 'redis.url=redis://:x@host:6379'],
      'must not hold a password',
    ],
    ['a bundled Redis and one outside', ['redis.url=redis://host:6379'], 'set redis.mode to external'],
    ['an external Redis that is nowhere', ['redis.mode=external'], 'set redis.url'],
    [
      'a port of Redis that no policy opens',
      ['redis.mode=external', 'redis.url=redis://host:7000'],
      'lacks the port 7000',
    ],
    [
      'a port of a shard that no policy opens',
      ['redis.mode=external', 'redis.urls=redis://a:6379 redis://b:7000'],
      'lacks the port 7000',
    ],
    ['shards beside a bundled Redis', ['redis.urls=redis://a redis://b'], 'set redis.mode to external'],
    [
      'shards by a Secret beside a bundled Redis',
      ['secrets.REDIS_URLS.existingSecret=x'],
      'set redis.mode to external',
    ],
    [
      'shards beside a single Redis',
      ['redis.mode=external', 'redis.url=redis://a', 'redis.urls=redis://a redis://b'],
      'one Redis and several',
    ],
    [
      'shards that are set twice',
      ['redis.mode=external', 'redis.urls=redis://a redis://b', 'secrets.REDIS_URLS.existingSecret=x'],
      'REDIS_URLS is set twice',
    ],
    [
      'a password among the URLs of shards',
      ['redis.mode=external', 'redis.urls=redis://a redis://:x@b'],
      'must not hold a password',
    ],
    ['what is no URL among those of shards', ['redis.mode=external', 'redis.urls=redis://a b'], '/redis/urls'],
    [
      'more shards in use than there are',
      ['redis.mode=external', 'redis.urls=redis://a redis://b', 'settings.MILLRACE_SHARDS_IN_USE=3'],
      'which are 2',
    ],
    ['shards in use of a single Redis', ['settings.MILLRACE_SHARDS_IN_USE=2'], 'which are 1'],
    ['a password that only one side knows', ['secrets.REDIS_URL.existingSecret=x'], 'is needed twice'],
    [
      'a Redis for everybody in the cluster',
      ['networkPolicy.enabled=false'],
      'every pod of the cluster would reach it',
    ],
    [
      'an API that is killed while it drains',
      ['api.settings.MILLRACE_DRAIN_MS=60000', 'api.terminationGracePeriodSeconds=30'],
      'need 70 s',
    ],
    ['a worker that is killed in its grace', ['worker.terminationGracePeriodSeconds=20'], 'need 25 s'],
    ['an API that goes before its endpoint', ['nginx.enabled=false', 'api.settings.MILLRACE_LINGER_MS=0'], 'need 5000'],
    [
      'an API that hangs up before nginx',
      ['api.preStopSeconds=9', 'api.settings.MILLRACE_LINGER_MS=0'],
      'at least 5000 with nginx',
    ],
    ['keys that protect nothing', ['api.auth=none'], 'would protect nothing'],
    ['JWT of nobody', ['api.auth=apikey\\,jwt'], 'api.settings.MILLRACE_JWT_ISSUER'],
    ['keys that are nowhere', ['secrets.MILLRACE_API_KEYS=null'], 'secrets.MILLRACE_API_KEYS'],
    ['no model', ['secrets.OPENAI_API_KEY=null'], 'secrets.OPENAI_API_KEY'],
    [
      'checkpoints that would not be encrypted',
      ['secrets.MILLRACE_CHECKPOINTS.existingSecret=x', 'secrets.MILLRACE_ENCRYPTION_KEYS.existingSecret=x'],
      'does not go with encryption',
    ],
    ['an ingress without a name', ['ingress.enabled=true'], 'ingress.host'],
    ['no worker', ['worker.autoscaling.minReplicas=0'], '/worker/autoscaling/minReplicas'],
  ])('refuses %s, and says what to change', async (_, sets, complaint) => {
    await expect(renderChart(...sets.flatMap((set) => ['--set', set]))).rejects.toThrow(complaint);
  });

  it('closes /metrics to the outside, through nginx or an ingress', async () => {
    const [ingress] = (await renderChart('-f', fileOf('ingress-values.yaml'))).filter(({ kind }) => kind === 'Ingress');
    expect(JSON.stringify(ingress?.spec)).toContain('"path":"/metrics"');
    expect(JSON.stringify(ingress?.spec)).toContain('chat-millrace-nobody');
    expect(configurationOf(await renderChart())['millrace.conf']).toMatch(/location = \/metrics \{\s+deny all;/);
  });

  it('gives nginx a configuration that it takes, whatever the numbers', async () => {
    const files = configurationOf(await renderChart('-f', fileOf('nginx-values.yaml')));
    expect(files['millrace.conf']).not.toMatch(/\$\{/);
    expect(files['millrace.conf']).toContain('rate=1000000r/s');
    const nodes = join(folder, 'api-nodes.conf');
    await mkdir(join(folder, 'conf.d'));
    await writeFile(nodes, 'server 127.0.0.1:9 max_fails=1;');
    await writeFile(join(folder, 'nginx.conf'), files['nginx.conf'] ?? '');
    const site = (files['millrace.conf'] ?? '')
      .replaceAll('/tmp/api-nodes.conf', nodes)
      .replaceAll('/dev/stdout', 'access.log');
    await writeFile(join(folder, 'conf.d', 'millrace.conf'), site);
    await using nginx = await Child.start({
      command: 'nginx',
      args: ['-t', '-p', folder, '-c', join(folder, 'nginx.conf'), '-g', 'pid nginx.pid;'],
      env: { PATH: `${process.env['PATH']}:/usr/sbin` },
    });
    expect([await nginx.exited, nginx.lines.join('\n')]).toEqual([
      { code: 0, signal: null },
      expect.stringContaining('test is successful'),
    ]);
  });

  it('starts a Redis that keeps every key, writes it down, and wants the password', async () => {
    const { command = [], args = [] } = containerOf(
      await renderChart('-f', fileOf('redis-with-password-values.yaml')),
      'redis',
    );
    await mkdir(join(folder, 'data'));
    await writeFile(join(folder, 'password'), 'a pass"word\n');
    const port = await freePort();
    const script = args[0]
      ?.replace('--dir /data', `--dir ${join(folder, 'data')} --port ${port} --bind 127.0.0.1`)
      .replace('/run/secrets/redis/password', join(folder, 'password'));
    await using server = await Child.start({
      command: command[0] ?? '',
      args: [...command.slice(1), script ?? ''],
      env: { PATH: process.env['PATH'] },
    });
    await server.line((line) => /Ready to accept connections/.test(line), 30_000);
    const stranger = new Redis({ host: '127.0.0.1', port, enableReadyCheck: false });
    const redis = new Redis({ host: '127.0.0.1', port, password: 'a pass"word' });
    try {
      await expect(stranger.get('x')).rejects.toThrow('NOAUTH');
      const settings = await redis.config('GET', 'maxmemory*', 'appendonly', 'appendfsync');
      expect(settings).toEqual(expect.arrayContaining(['noeviction', 'everysec', 'yes', String(1024 ** 3)]));
    } finally {
      stranger.disconnect();
      redis.disconnect();
    }
  });

  it('asks Prometheus for what API nodes tell, by the slots of a worker', async () => {
    const manifests = await renderChart('-f', fileOf('autoscaling-values.yaml'));
    const scaled = manifests.find(({ kind }) => kind === 'ScaledObject')?.spec;
    expect(scaled?.['triggers']).toEqual([
      expect.objectContaining({
        metricType: 'AverageValue',
        metadata: expect.objectContaining({
          query: 'sum(max by (state) (millrace_open_jobs{namespace="chat"})) / 80',
          threshold: '0.75',
          ignoreNullValues: 'false',
        }),
      }),
    ]);
    expect(scaled?.['scaleTargetRef']).toEqual({ name: 'chat-millrace-worker' });
    // what the autoscaler sets is not set back by the next `helm upgrade`
    const worker = workloads(manifests).find(({ metadata }) => metadata.name === 'chat-millrace-worker');
    expect(worker?.spec).not.toHaveProperty('replicas');
  });
});

describe('what the chart gives to those who watch', () => {
  const OBSERVABILITY = fileURLToPath(new URL('../../infra/observability/', import.meta.url));

  it('is nothing, unless it is wanted', async () => {
    const kinds = (await renderChart()).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'PrometheusRule' || kind === 'ServiceMonitor')).toEqual([]);
    expect(kinds.filter((kind) => kind === 'ConfigMap')).toHaveLength(1);
  });

  it('are the rules and dashboards of infra/observability, as they are', async () => {
    const manifests = await renderChart('-f', fileOf('monitoring-values.yaml'));
    const rule = manifests.find(({ kind }) => kind === 'PrometheusRule');
    expect(rule?.spec).toEqual(parse(await readFile(`${OBSERVABILITY}rules.yml`, 'utf8')));
    expect(rule?.metadata.labels).toMatchObject({ release: 'prometheus' });

    const maps = manifests.filter(({ metadata }) => metadata.labels['grafana_dashboard'] === '1');
    const files = await readdir(`${OBSERVABILITY}dashboards`);
    const given = maps.flatMap(({ data }) => Object.keys(data ?? {}));
    expect(new Set(given)).toEqual(new Set(files.map((file) => `millrace-${file}`)));
    for (const { data } of maps) {
      for (const [name, text] of Object.entries(data ?? {})) {
        const file = `${OBSERVABILITY}dashboards/${name.replace('millrace-', '')}`;
        expect(JSON.parse(text)).toEqual(JSON.parse(await readFile(file, 'utf8')));
        // as large as an object may be: 1 MiB
        expect(text.length).toBeLessThan(500_000);
      }
    }
  });

  it('names what it reads as the rules expect', async () => {
    const manifests = await renderChart('-f', fileOf('monitoring-values.yaml'));
    const monitor = manifests.find(({ kind }) => kind === 'ServiceMonitor')?.spec as unknown as {
      selector: { matchExpressions: readonly { values: readonly string[] }[] };
      endpoints: readonly { relabelings: readonly object[] }[];
    };
    expect(monitor.selector.matchExpressions.flatMap(({ values }) => values)).toEqual(['api', 'worker']);
    expect(monitor.endpoints.flatMap(({ relabelings }) => relabelings)).toEqual([
      {
        sourceLabels: ['__meta_kubernetes_service_label_app_kubernetes_io_component'],
        targetLabel: 'job',
        replacement: `millrace-\${1}`,
      },
    ]);
  });
});

describe('the check of manifests', () => {
  it('finds wrong values, unknown fields and unknown kinds', async () => {
    const [deployment] = workloads(await renderChart());
    if (deployment === undefined) throw new Error('no workload');
    const { spec } = deployment;
    expect(await manifestProblems({ ...deployment, spec: { ...spec, replicas: 'two' } })).toEqual(
      expect.arrayContaining([expect.stringContaining('/spec/replicas')]),
    );
    expect(await manifestProblems({ ...deployment, spec: { ...spec, replcas: 2 } })).toEqual([
      '/spec/replcas is no field',
    ]);
    expect(await manifestProblems({ apiVersion: 'v1', kind: 'Pot' })).toEqual(['no schema for v1 Pot']);
  });
});

function configurationOf(manifests: readonly Manifest[]) {
  return manifests.find(({ kind }) => kind === 'ConfigMap')?.data ?? {};
}
