/** The capacity model: what Millrace costs at several sizes, the coefficients of that, and how well they say other sizes. */
import type { Benchmark } from '../benchmark.ts';
import { thisMachine } from '../measure/machine.ts';
import { type Figures, MeasuredFigures } from '../speed/figures.ts';
import type { Failure } from '../speed/result.ts';
import { openStage, type Stage, warmUp } from '../speed/stage.ts';
import { measureKeptJobs } from './cases/kept-jobs.ts';
import { FITTED, FOLLOWED, JOBS, measureLoad, type OperatingPoint, PREDICTED } from './cases/loads.ts';
import { measureSilentStreams } from './cases/silent-streams.ts';
import { coefficientsOf, SUBJECT } from './fitted-coefficients.ts';
import { keepCapacity, keepMeasured, mergedWithKept } from './keep.ts';
import { predictionsOf } from './predictions.ts';
import { coefficientTables, errorTable, fittedTable, sizesTables } from './report.ts';

interface Case {
  readonly of: string;
  /** false: it hardly varies, or is a straight line through several sizes */
  readonly everyRound: boolean;
  /** @returns figures by size */
  readonly measure: (stage: Stage) => Promise<readonly [string, Figures][]>;
}

const CASES: readonly Case[] = [
  { of: 'kept', everyRound: false, measure: measureKeptJobs },
  ...[...FITTED, FOLLOWED, ...PREDICTED, JOBS].map(loadCase),
  { of: 'silent', everyRound: false, measure: measureSilentStreams },
];

export const measureCapacity: Benchmark = async ({ rounds, only, signal }) => {
  const beganAt = performance.now();
  const unknown = only.filter((name) => !CASES.some(({ of }) => of === name));
  if (unknown.length > 0)
    throw new RangeError(`--only ${unknown.join(',')}: there are ${CASES.map(({ of }) => of).join(', ')}`);
  const { measured, failures } = await measureAll(
    CASES.filter(({ of }) => only.length === 0 || only.includes(of)),
    { rounds, signal },
  );
  const isWhole = only.length === 0 && failures.length === 0;
  const all = isWhole ? measured : await mergedWithKept(measured);
  const figures = {
    benchmark: 'capacity' as const,
    measuredOn: new Date().toISOString().slice(0, 10),
    machine: thisMachine(),
    rounds: Math.max(...all.map(({ samples }) => samples.length)),
    seconds: Math.round((performance.now() - beganAt) / 1e3),
    measured: all,
    failures,
  };
  await keepMeasured(figures);
  const coefficients = coefficientsOf(all);
  const result = { ...figures, coefficients, predictions: predictionsOf(coefficients, all) };
  const tables = [coefficientTables, fittedTable, errorTable, sizesTables].map((tableOf) => tableOf(result));
  console.log(`\n${tables.join('\n\n')}`);
  await keepCapacity(result);
};

async function measureAll(cases: readonly Case[], { rounds, signal }: { rounds: number; signal: AbortSignal }) {
  const measured = new MeasuredFigures();
  const failures: Failure[] = [];
  await using stage = await openStage({ peers: [], signal });
  await warmUp(stage);
  for (let round = 1; round <= rounds; round += 1) {
    const ofRound = cases.filter(({ everyRound }) => everyRound || round === 1);
    for (const [at, { of, measure }] of ofRound.entries()) {
      signal.throwIfAborted();
      const said = `round ${round} of ${rounds}, ${at + 1} of ${ofRound.length}: ${of}`;
      const beganAt = performance.now();
      try {
        for (const [size, figures] of await measure(stage)) measured.add(of, size, figures);
        console.log(`${said} (${((performance.now() - beganAt) / 1e3).toFixed(1)} s)`);
      } catch (error) {
        signal.throwIfAborted();
        // one that fails is a result too, and must not cost the others theirs
        failures.push({ of, peer: SUBJECT, round, reason: String(error) });
        console.log(`${said} failed: ${String(error)}`);
      }
    }
  }
  return { measured: measured.all(), failures };
}

function loadCase(point: OperatingPoint): Case {
  return {
    of: point.of,
    everyRound: true,
    measure: async (stage) => [[SUBJECT, await measureLoad(stage, point)]],
  };
}
