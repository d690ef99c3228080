/** Loads of one deployment and of others, in turns: what else the machine does meets all of them alike. */
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
  {
    name: 'µs of processor time per token that comes alone, API and worker',
    ...{ plan: { ...PLAN, tokens: 50, perSecond: 50 }, streams: 200, atOnce: 100 },
    figure: ({ tokens, cpuMicros: used }) => used / tokens,
  },
];

/** A deployment, and what its requests carry. */
export interface Side {
  readonly name: string;
  readonly millrace: RunningMillrace;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Prints the medians of all, and of the others' ratios to the first. */
export async function compare(
  sides: readonly [without: Side, ...others: Side[]],
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
    const turns: (readonly number[])[] = [];
    for (let turn = -COLD_TURNS; turn < rounds * TURNS_PER_ROUND; turn += 1) {
      const figures = sides.map(() => 0);
      for (const at of sides.keys()) {
        signal.throwIfAborted();
        // none is always the first
        const next = (((at + turn) % sides.length) + sides.length) % sides.length;
        const side = sides[next];
        if (side !== undefined) figures[next] = await run(side, measure);
      }
      if (turn >= 0) turns.push(figures);
    }
    const of = (figure: (turn: readonly number[]) => number | undefined) =>
      median(turns.map((turn) => figure(turn) ?? 0)).toFixed(3);
    const ratios = sides.slice(1).map((_, at) => of(([first = 0, ...others]) => (others[at] ?? 0) / first));
    rows.push([measure.name, ...sides.map((_, at) => of((turn) => turn[at])), ...ratios]);
  }
  const [without, ...others] = sides;
  const names = [...sides.map(({ name }) => name), ...others.map(({ name }) => `${name} ÷ ${without.name}`)];
  console.log(`\n${table(['medians', ...names], rows)}`);
}
