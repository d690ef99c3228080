/** What the protocols cost beside the native one: their encoders, and one job that is watched in four of them. */
import type { Benchmark } from '../benchmark.ts';
import { LoadGenerator } from '../load/load-generator.ts';
import { thisMachine } from '../measure/machine.ts';
import { startMillrace } from '../peers/millrace/millrace.ts';
import { type Figures, MeasuredFigures } from '../speed/figures.ts';
import { startModelProcess } from '../speed/stage.ts';
import { measureEncoders } from './encoders.ts';
import { keepProtocols } from './keep.ts';
import { type ProtocolsResult, protocolTables, protocolTargets } from './report.ts';
import { WATCHED, watch } from './watchers.ts';

/** An encoder is measured in milliseconds: many turns cost nothing. */
const ENCODER_TURNS = 9;
/** before the code is hot */
const COLD_TURNS = 3;

export const measureProtocols: Benchmark = async ({ rounds, only, signal }) => {
  const beganAt = performance.now();
  const measured = new MeasuredFigures();
  if (wants(only, 'encoder')) measureEncodersInTurns(measured, rounds);
  if (wants(only, 'watched')) await measureWatched(measured, rounds, signal);
  const result: ProtocolsResult = {
    benchmark: 'protocols',
    measuredOn: new Date().toISOString().slice(0, 10),
    machine: thisMachine(),
    rounds,
    seconds: Math.round((performance.now() - beganAt) / 1e3),
    measured: measured.all(),
  };
  console.log(`\n${protocolTargets(result)}\n\n${protocolTables(result)}`);
  // of a part nothing can be compared
  if (only.length === 0) await keepProtocols(result);
};

function wants(only: readonly string[], part: string): boolean {
  return only.length === 0 || only.includes(part);
}

function measureEncodersInTurns(measured: MeasuredFigures, rounds: number): void {
  for (let turn = 0; turn < COLD_TURNS; turn += 1) measureEncoders();
  for (let turn = 0; turn < rounds * ENCODER_TURNS; turn += 1) {
    for (const [format, figures] of measureEncoders()) measured.add('encoder', format, figures);
  }
}

async function measureWatched(measured: MeasuredFigures, rounds: number, signal: AbortSignal): Promise<void> {
  await using started = new AsyncDisposableStack();
  const model = await startModelProcess();
  started.use(model.child);
  const generators: LoadGenerator[] = [];
  for (const _ of WATCHED) generators.push(started.use(await LoadGenerator.start()));
  const stage = { millrace: started.use(await startMillrace(model)), generators };
  await watch(stage, WATCHED);
  for (let round = 1; round <= rounds; round += 1) {
    signal.throwIfAborted();
    const alone: Figures[] = [];
    for (const protocol of WATCHED) {
      const figures = await watch(stage, [protocol]);
      alone.push(figures);
      measured.add('watched', protocol, figures);
    }
    const sum = alone.reduce((total, { apiMicros = 0 }) => total + apiMicros, 0);
    const together = await watch(stage, WATCHED);
    measured.add('watched', 'all', { ...together, ofSum: (together['apiMicros'] ?? 0) / sum });
    console.log(
      `round ${round} of ${rounds}: four protocols at once cost ${together['apiMicros']} µs, one after the other ${sum} µs`,
    );
  }
}
