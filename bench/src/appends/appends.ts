/** What a token costs that comes alone, in Redis, worker and relay, and how late it is: with appends that share writes to Redis and
 *  with each by itself, in turns. */
import type { TokenPlan } from '@millrace/simulated-model/paced';
import type { Benchmark } from '../benchmark.ts';
import type { Load } from '../load/load.ts';
import { LoadGenerator } from '../load/load-generator.ts';
import { median } from '../measure/median.ts';
import { table } from '../measure/table.ts';
import { type RunningMillrace, startMillrace } from '../peers/millrace/millrace.ts';
import type { Figures } from '../speed/figures.ts';
import { type Meters, meteredLoad } from '../speed/metered.ts';
import { startModelProcess } from '../speed/stage.ts';

const PER_SECOND = 20;
const STREAMS = [1, 10, 100, 400, 1_000];
/** Starts are spread over this time, so that the streams do not speak in step. */
const OVER_MS = 2_000;
const PLAN: TokenPlan = { tokens: 120, perSecond: PER_SECOND, firstTokenMs: 1_000, stamped: false };

const COLUMNS: readonly (readonly [title: string, figure: string])[] = [
  ['tokens/s', 'tokensPerSecond'],
  ['Redis µs', 'redisMicros'],
  ['worker µs', 'workerMicros'],
  ['relay µs', 'relayMicros'],
  ['delay p50 ms', 'delayP50Ms'],
  ['p95', 'delayP95Ms'],
  ['scripts per 1,000', 'scriptsPer1000Tokens'],
];

interface Side {
  readonly name: string;
  readonly millrace: RunningMillrace;
  readonly samples: Figures[];
}

export const measureAppends: Benchmark = async ({ rounds, only, signal }) => {
  await using started = new AsyncDisposableStack();
  const model = await startModelProcess();
  started.use(model.child);
  const generator = started.use(await LoadGenerator.start());
  const alone = started.use(await startMillrace(model));
  const shared = started.use(await startMillrace(model, { MILLRACE_APPEND_HOLD_MS: '2' }));
  const meters: Meters = { model: { url: model.url, pid: model.child.pid }, generator, signal };
  const rows: string[][] = [];
  for (const streams of STREAMS.filter((count) => only.length === 0 || only.includes(String(count)))) {
    const sides: readonly Side[] = [
      { name: 'each by itself', millrace: alone, samples: [] },
      { name: 'shared writes', millrace: shared, samples: [] },
    ];
    // the first turn of each warms its code
    for (let round = 0; round <= rounds; round += 1) {
      // neither is always the first
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
        signal.throwIfAborted();
        console.log(`${streams} answers, ${side.name}, ${round === 0 ? 'warming up' : `round ${round}`}`);
        const figures = await measure(meters, side.millrace, streams);
        if (round > 0) side.samples.push(figures);
      }
    }
    rows.push(...rowsOf(streams, sides));
  }
  const titles = COLUMNS.map(([title]) => title);
  console.log(`\nmedians; per token\n\n${table([`answers at ${PER_SECOND} tokens/s`, ...titles], rows)}`);
};

async function measure(meters: Meters, millrace: RunningMillrace, streams: number): Promise<Figures> {
  const { port, text } = millrace.askStamping(PLAN);
  const load: Load = { port, request: text, streams, atOnce: streams, overMs: OVER_MS, stamped: true };
  return meteredLoad(meters, millrace, load, PLAN);
}

function rowsOf(streams: number, sides: readonly Side[]): string[][] {
  const of = (side: Side | undefined, figure: string) => side?.samples.map((sample) => sample[figure] ?? 0) ?? [];
  const rounded = (value: number) => (value >= 100 ? value.toFixed(0) : value.toFixed(2));
  const medians = sides.map((side) => [
    `${streams.toLocaleString('en-GB')}, ${side.name}`,
    ...COLUMNS.map(([, figure]) => rounded(median(of(side, figure)))),
  ]);
  const ratios = COLUMNS.map(([, figure]) => {
    const before = of(sides[0], figure);
    return rounded(median(of(sides[1], figure).map((value, round) => value / (before[round] ?? 0))));
  });
  return [...medians, ['the second ÷ the first', ...ratios]];
}
