import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@millrace/testing';
import { parse } from 'yaml';
import { hasPrometheus, Prometheus } from './prometheus.ts';
import { idOf, SystemHarness } from './system-harness.ts';

const FOLDER = fileURLToPath(new URL('../../infra/observability/', import.meta.url));
const KEY = 'the-secret-of-an-observed-user';
const TIMEOUT_MS = 240_000;

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly expr: string;
}

interface Board {
  readonly panels: readonly { readonly title: string; readonly targets?: readonly { readonly expr: string }[] }[];
  readonly templating: { readonly list: readonly { readonly type: string; readonly query: string }[] };
}

const rules = (parse(readFileSync(`${FOLDER}rules.yml`, 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
);

const boards = readdirSync(`${FOLDER}dashboards`).map((file) => ({
  file,
  board: JSON.parse(readFileSync(`${FOLDER}dashboards/${file}`, 'utf8')) as Board,
}));

/** As Grafana fills it in, with all instances. */
const filledIn = (expr: string) => expr.replaceAll('$__rate_interval', '1m').replaceAll('$instance', '.*');

/** What an alert looks at, without its threshold: `a > 1 and on () b < 2` → `a and on () b`. */
const withoutThresholds = (expr: string) => expr.replaceAll(/ (?:>|<|==) \d+(?:\.\d+)?(?![\d.])/g, '');

/** Expressions that have no figure here, though the system runs and has traffic. */
const SILENT = new Map([
  ['MillraceNoApi', 'says that something is absent'],
  ['MillraceRedisAway', 'says that something is absent'],
  ['MillraceShardAway', 'is of several Redis, and here is one'],
  ['MillraceRefuses', 'the codes that are the service’s fault: a full queue, a Redis that is away, a defect'],
  ['MillraceConnectionsFull', 'a node that has as many connections as it may'],
  ['api.json: Connections dropped', 'a node that has as many connections as it may'],
  ['MillraceTakeOvers', 'without its thresholds it holds of no service: it is about workers that do not come and go'],
  ...(hasMemoryLimit() ? [] : [['millrace:memory_used:ratio container', 'no limit is set here'] as const]),
]);

function hasMemoryLimit(): boolean {
  const bytes = process.constrainedMemory();
  return bytes > 0 && bytes < totalmem();
}

const EXPRESSIONS = [
  ...rules.map(({ record, alert, labels, expr }) => ({
    name: record === undefined ? `${alert}` : [record, ...Object.values(labels ?? {})].join(' '),
    expr: withoutThresholds(expr),
  })),
  ...boards.flatMap(({ file, board }) =>
    board.panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => ({ name: `${file}: ${title}`, expr: filledIn(expr) })),
    ),
  ),
];

/** Metrics that an expression names, without the suffixes of histograms. */
function metricsIn(expr: string): string[] {
  const names = expr.replaceAll(/"[^"]*"/g, '').match(/\b(?:millrace|nodejs|process)_\w+|millrace:[\w:]+/g) ?? [];
  return names.map((name) => name.replace(/_(?:bucket|sum|count)$/, ''));
}

(hasPrometheus ? describe : describe.skip)('what operators look at (infra/observability)', () => {
  const parts = new AsyncDisposableStack();
  let system: SystemHarness;
  let prometheus: Prometheus;
  let jobs = 0;

  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-archive-'));
    parts.defer(() => rm(folder, { recursive: true, force: true }));
    const env = {
      ...{ MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: `acme:user:${KEY}`, MILLRACE_RETRY_MIN_DELAY_MS: '10' },
      MILLRACE_ARCHIVE: pathToFileURL(folder).href,
    };
    system = parts.use(await SystemHarness.start({ env }));
    system.model.answer(['a ', 'b ', 'c '], { stepMs: 30 });
    const configuration = parse(readFileSync(`${FOLDER}prometheus.yml`, 'utf8')) as { scrape_configs: object[] };
    const targetsOf = { 'millrace-api': system.apis, 'millrace-worker': system.workers };
    prometheus = parts.use(
      await Prometheus.start({
        global: { scrape_interval: '1s', evaluation_interval: '1s' },
        rule_files: [`${FOLDER}rules.yml`],
        scrape_configs: configuration.scrape_configs.map((scrape) => {
          const { job_name } = scrape as { job_name: keyof typeof targetsOf };
          return { job_name, static_configs: [{ targets: targetsOf[job_name].map(({ url }) => new URL(url).host) }] };
        }),
      }),
    );
  }, TIMEOUT_MS);
  afterAll(() => parts.disposeAsync(), TIMEOUT_MS);

  const own = { 'x-api-key': KEY };

  /** A job, its stream, and a resume of it after its end. */
  async function answered(): Promise<void> {
    jobs += 1;
    const stream = await system.ask(`question ${jobs}`, { headers: own });
    await stream.ended;
    const headers = { ...own, 'last-event-id': '0-1' };
    await (await fetch(`${system.url}/jobs/${idOf(stream)}/stream`, { headers })).text();
  }

  /** Some of everything that can be had without breaking anything. */
  async function traffic(): Promise<void> {
    await answered();
    system.model.failNext(1, { status: 429 });
    await answered();
    system.model.failNext(1, { status: 400, message: 'no' });
    await answered();
    for (const headers of [{}, { 'x-api-key': 'wrong' }, own]) {
      await (await fetch(`${system.url}/jobs/nobody`, { headers })).text();
    }
  }

  /** What Prometheus has no figure for. */
  async function silent(): Promise<string[]> {
    const answers = await Promise.all(
      EXPRESSIONS.map(async ({ name, expr }) => {
        const samples = await prometheus.ask(expr);
        return samples.some(({ value }) => Number.isFinite(Number(value[1]))) ? [] : [name];
      }),
    );
    return [...new Set(answers.flat())];
  }

  it(
    'has a figure for each expression of the rules and dashboards, but those that need a failure',
    async () => {
      const unexpected = async () => (await silent()).filter((name) => !SILENT.has(name));
      for (const endsAt = Date.now() + TIMEOUT_MS * 0.7; Date.now() < endsAt; ) {
        await traffic();
        if ((await unexpected()).length === 0) break;
      }
      expect(await unexpected()).toEqual([]);
      // the list has no entry too many
      expect(new Set(await silent())).toEqual(new Set(SILENT.keys()));
    },
    TIMEOUT_MS,
  );

  it('names only metrics that API nodes and workers have, or that the rules record', async () => {
    const pages = await Promise.all(
      [...system.apis, ...system.workers].map(async ({ url }) => (await fetch(`${url}/metrics`)).text()),
    );
    const told = pages.flatMap((page) => [...page.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name));
    const known = new Set([...told, ...rules.map(({ record }) => record)]);
    const unknown = EXPRESSIONS.flatMap(({ name, expr }) =>
      metricsIn(expr).flatMap((metric) => (known.has(metric) ? [] : [`${name}: ${metric}`])),
    );
    expect(unknown).toEqual([]);
    // and no figure is taken that nobody looks at
    const shown = new Set(EXPRESSIONS.flatMap(({ expr }) => metricsIn(expr)));
    expect([...new Set(told)].filter((name) => name?.startsWith('millrace_') && !shown.has(name))).toEqual([]);
  });

  it('evaluates every rule, as it is written, without an error', async () => {
    type Evaluated = { readonly name: string; readonly health: string; readonly lastError?: string };
    const evaluated = await eventually(async () => {
      const { groups } = await prometheus.get<{ groups: { rules: Evaluated[] }[] }>('rules');
      const all = groups.flatMap((group) => group.rules);
      return all.every(({ health }) => health !== 'unknown') && all;
    });
    expect(evaluated.map(({ name }) => name)).toEqual(rules.map(({ record, alert }) => record ?? alert));
    expect(evaluated.filter(({ health }) => health !== 'ok')).toEqual([]);
  });

  it('finds the instances that a dashboard lets one choose', async () => {
    for (const { board } of boards) {
      for (const { type, query } of board.templating.list) {
        if (type !== 'query') continue;
        const [, selector = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec(query) ?? [];
        const series = await prometheus.get<Record<string, string>[]>('series', { 'match[]': selector });
        expect(new Set(series.map((labels) => labels[label])).size).toBe(2);
      }
    }
  });
});
