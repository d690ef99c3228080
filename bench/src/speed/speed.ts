/** Speed, beside what a team would use instead: every peer and Millrace under the same loads, in turns. */
import type { Benchmark } from '../benchmark.ts';
import { thisMachine } from '../measure/machine.ts';
import type { Case } from './case.ts';
import { BARE_LOOP_CASES } from './cases/bare-loops.ts';
import { COLD_NODE_CASES } from './cases/cold-node.ts';
import { FAN_OUT_CASES } from './cases/fan-out.ts';
import { GROWTH_CASES } from './cases/growth.ts';
import { IDLE_MEMORY_CASES } from './cases/idle-memory.ts';
import { LOAD_CASES } from './cases/loads.ts';
import { RESUME_CASES } from './cases/resume.ts';
import { TINY_JOB_CASES } from './cases/tiny-jobs.ts';
import { type Measured, MeasuredFigures } from './figures.ts';
import { keep, mergedWithKept } from './keep.ts';
import { speedTables, targetsTable } from './report.ts';
import type { Failure } from './result.ts';
import { openStage, type Stage, warmUp } from './stage.ts';

const CASES: readonly Case[] = [
  ...LOAD_CASES,
  ...BARE_LOOP_CASES,
  ...FAN_OUT_CASES,
  ...TINY_JOB_CASES,
  ...COLD_NODE_CASES,
  ...RESUME_CASES,
  ...IDLE_MEMORY_CASES,
  ...GROWTH_CASES,
];

export const measureSpeed: Benchmark = async ({ rounds, only, signal }) => {
  const beganAt = performance.now();
  const measured = new MeasuredFigures();
  const failures: Failure[] = [];
  const cases = CASES.filter(({ of, peer }) => only.length === 0 || only.includes(of) || only.includes(peer));
  {
    const peers = cases.map(({ peer }) => peer);
    await using stage = await openStage({ peers, signal });
    await warmUp(stage);
    for (let round = 1; round <= rounds; round += 1) {
      await measureRound(stage, { cases, round, rounds, measured, failures });
    }
  }
  const result = {
    benchmark: 'speed' as const,
    measuredOn: new Date().toISOString().slice(0, 10),
    machine: thisMachine(),
    rounds,
    seconds: Math.round((performance.now() - beganAt) / 1e3),
    measured: measured.all(),
    failures,
  };
  console.log(`\n${targetsTable(result)}\n\n${speedTables(result)}`);
  if (isWhole(measured.all(), only)) await keep(only.length === 0 ? result : await mergedWithKept(result));
};

/** Whether every figure was measured of all its peers: of a part nothing can be compared. */
function isWhole(measured: readonly Measured[], only: readonly string[]): boolean {
  const of = new Set(CASES.map((each) => each.of));
  return measured.length > 0 && only.every((name) => of.has(name));
}

interface Round {
  readonly cases: readonly Case[];
  readonly round: number;
  readonly rounds: number;
  readonly measured: MeasuredFigures;
  readonly failures: Failure[];
}

/** Each case once, in the order of the tables: a slow minute of the machine touches neighbours alike. */
async function measureRound(stage: Stage, { cases: all, round, rounds, measured, failures }: Round) {
  const cases = all.filter(({ everyRound }) => everyRound || round === 1);
  for (const [at, each] of cases.entries()) {
    stage.signal.throwIfAborted();
    const beganAt = performance.now();
    const said = `round ${round} of ${rounds}, ${at + 1} of ${cases.length}: ${each.title}`;
    try {
      const figures = await each.measure(stage);
      if (figures !== null) measured.add(each.of, each.peer, figures);
      console.log(`${said} (${((performance.now() - beganAt) / 1e3).toFixed(1)} s)`);
    } catch (error) {
      stage.signal.throwIfAborted();
      // one that fails is a result too, and must not cost the others theirs
      failures.push({ of: each.of, peer: each.peer, round, reason: String(error) });
      console.log(`${said} failed: ${String(error)}`);
    }
  }
}
