/** What a token and a job cost in this build, beside another version's: the same loads, in turns. */
import type { TokenPlan } from '@millrace/simulated-model/paced';
import type { Benchmark } from '../benchmark.ts';
import { LoadGenerator } from '../load/load-generator.ts';
import { median } from '../measure/median.ts';
import { table } from '../measure/table.ts';
import { startMillrace } from '../peers/millrace/millrace.ts';
import type { Figures } from '../speed/figures.ts';
import { type Meters, meteredLoad } from '../speed/metered.ts';
import { startModelProcess } from '../speed/stage.ts';

/** Turns of each pair of processes; one more before them warms their code. */
const TURNS = 3;

interface VersionLoad {
  readonly name: string;
  readonly plan: TokenPlan;
  readonly streams: number;
  readonly atOnce: number;
  readonly overMs: number;
  readonly figures: readonly (readonly [name: string, figure: string])[];
}

const CPU = [
  ['worker µs per token', 'workerMicros'],
  ['API µs', 'relayMicros'],
  ['Redis µs', 'redisMicros'],
] as const;

const LOADS: readonly VersionLoad[] = [
  {
    name: '120 answers at 50 tokens/s',
    plan: { tokens: 150, perSecond: 50, firstTokenMs: 1_000, stamped: true },
    ...{ streams: 120, atOnce: 120, overMs: 1_000 },
    figures: [...CPU, ['delay p50 ms', 'delayP50Ms']],
  },
  {
    name: 'answers of 3 tokens, 100 at a time',
    plan: { tokens: 3, perSecond: 0, firstTokenMs: 0, stamped: false },
    ...{ streams: 2_000, atOnce: 100, overMs: 0 },
    figures: [...CPU, ['tokens/s', 'tokensPerSecond']],
  },
];

/** Both versions' figures of one turn. */
type Turn = readonly [other: Figures, own: Figures];

/** Starts both anew for each round: processes of the same code differ by a tenth, for as long as they live.
 *  @throws TypeError nothing to compare with is named: the command line asks for it */
export const measureVersions: Benchmark = async ({ rounds, against, signal }) => {
  if (against === undefined)
    throw new TypeError('name the folder of the other version, where it is built: --against FOLDER');
  await using started = new AsyncDisposableStack();
  const model = await startModelProcess();
  started.use(model.child);
  const generator = started.use(await LoadGenerator.start());
  const meters: Meters = { model: { url: model.url, pid: model.child.pid }, generator, signal };
  const turns = new Map<VersionLoad, Turn[]>(LOADS.map((load) => [load, []]));
  for (let round = 0; round < rounds; round += 1) {
    console.log(`round ${round + 1} of ${rounds}`);
    for (const [load, own] of await pairOfProcesses(meters, against, round)) turns.get(load)?.push(...own);
  }
  const rows = [...turns].flatMap(([load, all]) => rowsOf(load, all));
  console.log(`\nmedians\n\n${table(['', 'the other', 'this build', 'ratio'], rows)}`);
};

async function pairOfProcesses(meters: Meters, root: string, round: number): Promise<Map<VersionLoad, Turn[]>> {
  // pipelines of this version may not load in the other
  const env = { MILLRACE_PIPELINES: '' };
  await using other = await startMillrace(meters.model, env, { root });
  await using own = await startMillrace(meters.model, env);
  const turns = new Map<VersionLoad, Turn[]>(LOADS.map((load) => [load, []]));
  for (let turn = 0; turn <= TURNS; turn += 1) {
    for (const [load, kept] of turns) {
      const figures = new Map<object, Figures>();
      // neither is always the first
      for (const side of (turn + round) % 2 === 0 ? [other, own] : [own, other]) {
        meters.signal.throwIfAborted();
        const { port, text } = side.ask(load.plan);
        const request = { port, request: text, stamped: load.plan.stamped };
        figures.set(side, await meteredLoad(meters, side, { ...load, ...request }, load.plan));
      }
      if (turn > 0) kept.push([figures.get(other) ?? {}, figures.get(own) ?? {}]);
    }
  }
  return turns;
}

function rowsOf({ name, figures }: VersionLoad, turns: readonly Turn[]): string[][] {
  return figures.map(([title, figure], nth) => {
    const of = (side: 0 | 1) => turns.map((turn) => turn[side][figure] ?? 0);
    const ratios = turns.map(([other, own]) => (own[figure] ?? 0) / (other[figure] ?? 0));
    const rounded = (value: number) => value.toFixed(value >= 100 ? 0 : 2);
    return [`${nth === 0 ? `${name}: ` : ''}${title}`, ...[median(of(0)), median(of(1)), median(ratios)].map(rounded)];
  });
}
