/** What JSON Web Tokens cost: the same loads without credentials and with a token on each request, in turns. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promptOf, type TokenPlan } from '@millrace/simulated-model/paced';
import type { Benchmark } from '../benchmark.ts';
import type { Load } from '../load/load.ts';
import { LoadGenerator } from '../load/load-generator.ts';
import { median } from '../measure/median.ts';
import { table } from '../measure/table.ts';
import { type RunningMillrace, startMillrace } from '../peers/millrace/millrace.ts';
import { requestText } from '../peers/request-text.ts';
import { startModelProcess } from '../speed/stage.ts';

const ISSUER = 'https://issuer.example';
const AUDIENCE = 'millrace';
/** Short turns: what else the machine does meets both alike. */
const TURNS_PER_ROUND = 5;
const COLD_TURNS = 2;

interface Measure {
  readonly name: string;
  readonly plan: TokenPlan;
  readonly streams: number;
  readonly atOnce: number;
  /** from a load's result */
  readonly figure: (result: { wallMs: number; tokens: number; firstToken: { p50: number } }) => number;
}

const PLAN: TokenPlan = { tokens: 20, perSecond: 0, firstTokenMs: 0, stamped: false };
const MEASURES: readonly Measure[] = [
  { name: 'first token, ms, p50', plan: PLAN, streams: 400, atOnce: 2, figure: ({ firstToken }) => firstToken.p50 },
  {
    name: 'tokens/s, thousands',
    ...{ plan: { ...PLAN, tokens: 2_000 }, streams: 100, atOnce: 20 },
    figure: ({ tokens, wallMs }) => tokens / wallMs,
  },
];

export const measureAccess: Benchmark = async ({ rounds, signal }) => {
  await using started = new AsyncDisposableStack();
  const model = await startModelProcess();
  started.use(model.child);
  const generator = started.use(await LoadGenerator.start());
  const folder = mkdtempSync(path.join(tmpdir(), 'millrace-bench-'));
  started.defer(() => rmSync(folder, { recursive: true }));
  const { token, keySet } = issuer();
  const file = path.join(folder, 'keys.json');
  writeFileSync(file, JSON.stringify(keySet));
  const settings = {
    ...{ MILLRACE_AUTH: 'jwt', MILLRACE_JWT_ISSUER: ISSUER, MILLRACE_JWT_AUDIENCE: AUDIENCE, MILLRACE_JWT_JWKS: file },
  };
  const open = started.use(await startMillrace(model));
  const closed = started.use(await startMillrace(model, settings));
  const run = async (of: RunningMillrace, headers: Readonly<Record<string, string>>, measure: Measure) => {
    const body = { query: promptOf(measure.plan) };
    const { port } = of.ask(measure.plan);
    const { streams, atOnce, plan } = measure;
    const load: Load = {
      ...{ port, streams, atOnce, overMs: 0, stamped: false },
      request: requestText({ path: '/jobs', body, headers }),
    };
    const result = await generator.run(load, { signal });
    if (result.ended !== streams || result.fewestTokens !== plan.tokens) throw new Error(`failed: ${result.failure}`);
    return measure.figure(result);
  };
  const rows: string[][] = [];
  for (const measure of MEASURES) {
    const figures: { without: number; with: number }[] = [];
    for (let turn = -COLD_TURNS; turn < rounds * TURNS_PER_ROUND; turn += 1) {
      signal.throwIfAborted();
      const pair = { without: 0, with: 0 };
      const asks = [
        async () => (pair.without = await run(open, {}, measure)),
        async () => (pair.with = await run(closed, { authorization: `Bearer ${token}` }, measure)),
      ];
      // neither is always the first
      for (const ask of turn % 2 === 0 ? asks : asks.reverse()) await ask();
      if (turn >= 0) figures.push(pair);
    }
    const of = (values: readonly number[]) => median(values).toFixed(3);
    rows.push([
      measure.name,
      ...[of(figures.map((pair) => pair.without)), of(figures.map((pair) => pair.with))],
      of(figures.map((pair) => pair.with / pair.without)),
    ]);
  }
  console.log(`\n${table(['medians', 'without', 'JWT', 'JWT ÷ without'], rows)}`);
};

/** An issuer that signs once. */
function issuer() {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const head = { alg: 'RS256', kid: 'bench' };
  const exp = Math.floor(Date.now() / 1_000) + 7_200;
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'somebody', tenant: 'bench', exp };
  const text = [head, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const token = `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`;
  return { token, keySet: { keys: [{ ...publicKey.export({ format: 'jwk' }), ...head, use: 'sig' }] } };
}
