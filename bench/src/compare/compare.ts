/** Loads of one deployment and of another, in turns: what else the machine does meets both alike. */
import { promptOf, type TokenPlan } from '@millrace/simulated-model/paced';
import type { Load } from '../load/load.ts';
import type { LoadGenerator } from '../load/load-generator.ts';
import { cpuMicros } from '../measure/cpu.ts';
import { median } from '../measure/median.ts';
import { table } from '../measure/table.ts';
import type { RunningMillrace } from '../peers/millrace/millrace.ts';
import { requestText } from '../peers/request-text.ts';

/** Short turns. */
const TURNS_PER_ROUND = 5;
const COLD_TURNS = 2;

interface Figures {
  readonly wallMs: number;
  readonly tokens: number;
  readonly firstToken: { readonly p50: number };
  readonly cpuMicros: number;
}

interface Measure {
  readonly name: string;
  readonly plan: TokenPlan;
  readonly streams: number;
  readonly atOnce: number;
  /** from a load's result, and the processor time of API and worker meanwhile */
  readonly figure: (result: Figures) => number;
}

const PLAN: TokenPlan = { tokens: 20, perSecond: 0, firstTokenMs: 0, stamped: false };
const MEASURES: readonly Measure[] = [
  { name: 'first token, ms, p50', plan: PLAN, streams: 400, atOnce: 2, figure: ({ firstToken }) => firstToken.p50 },
  {
    name: 'tokens/s, thousands',
    ...{ plan: { ...PLAN, tokens: 2_000 }, streams: 100, atOnce: 20 },
    figure: ({ tokens, wallMs }) => tokens / wallMs,
  },
  {
    name: 'µs per token, all processes together',
    ...{ plan: { ...PLAN, tokens: 2_000 }, streams: 100, atOnce: 20 },
    figure: ({ tokens, wallMs }) => (wallMs * 1_000) / tokens,
  },
  {
    name: 'µs of processor time per token, API and worker',
    ...{ plan: { ...PLAN, tokens: 2_000 }, streams: 100, atOnce: 20 },
    figure: ({ tokens, cpuMicros: used }) => used / tokens,
  },
];

/** A deployment, and what its requests carry. */
export interface Side {
  readonly name: string;
  readonly millrace: RunningMillrace;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Prints the medians of both, and of their ratios. */
export async function compare(
  without: Side,
  other: Side,
  { generator, rounds, signal }: { generator: LoadGenerator; rounds: number; signal: AbortSignal },
): Promise<void> {
  const run = async ({ millrace, headers = {} }: Side, measure: Measure) => {
    const body = { query: promptOf(measure.plan) };
    const { port } = millrace.ask(measure.plan);
    const { streams, atOnce, plan } = measure;
    const load: Load = {
      ...{ port, streams, atOnce, overMs: 0, stamped: false },
      request: requestText({ path: '/jobs', body, headers }),
    };
    const pids = [...(millrace.pids.worker ?? []), ...(millrace.pids.relay ?? [])];
    const before = cpuMicros(pids);
    const result = await generator.run(load, { signal });
    if (result.ended !== streams || result.fewestTokens !== plan.tokens) throw new Error(`failed: ${result.failure}`);
    return measure.figure({ ...result, cpuMicros: cpuMicros(pids) - before });
  };
  const rows: string[][] = [];
  for (const measure of MEASURES) {
    const figures: { without: number; with: number }[] = [];
    for (let turn = -COLD_TURNS; turn < rounds * TURNS_PER_ROUND; turn += 1) {
      signal.throwIfAborted();
      const pair = { without: 0, with: 0 };
      const asks = [
        async () => (pair.without = await run(without, measure)),
        async () => (pair.with = await run(other, measure)),
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
  console.log(`\n${table(['medians', without.name, other.name, `${other.name} ÷ ${without.name}`], rows)}`);
}
