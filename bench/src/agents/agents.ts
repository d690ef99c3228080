/** Agents, beside the same graph alone and beside the other servers that run it, in turns. */
import type { Benchmark } from '../benchmark.ts';
import { thisMachine } from '../measure/machine.ts';
import { type Figures, MeasuredFigures } from '../speed/figures.ts';
import type { Failure } from '../speed/result.ts';
import { keepAgents } from './keep.ts';
import { nameOf } from './names.ts';
import { agentTables, agentTargets } from './report.ts';
import { measureBare, measureServer, SIZES } from './servers.ts';
import { type AgentStage, openAgentStage } from './stage.ts';
import { measureCheckpoint, measureThread } from './threads.ts';

interface Case {
  readonly of: string;
  readonly peer: string;
  readonly measure: (stage: AgentStage) => Promise<Figures>;
}

const SERVERS = ['langgraph', 'pure-graph', 'pure-graph-memory', 'millrace'];
const LENGTHS = [10, 10_000];

const CASES: readonly Case[] = [
  ...SIZES.flatMap((size): Case[] => [
    { of: size.of, peer: 'bare', measure: (stage) => measureBare(stage, size) },
    ...SERVERS.map((peer): Case => ({ of: size.of, peer, measure: (stage) => measureServer(stage, peer, size) })),
  ]),
  ...(['memory', 'redis', 'postgres'] as const).map(
    (keeper): Case => ({ of: 'checkpoint', peer: keeper, measure: (stage) => measureCheckpoint(stage, keeper) }),
  ),
  ...(['chat', 'agent'] as const).flatMap((pipeline) =>
    LENGTHS.map((messages): Case => {
      const peer = `${pipeline}, ${messages.toLocaleString('en-GB')} messages`;
      return { of: 'thread', peer, measure: (stage) => measureThread(stage, { messages, pipeline }) };
    }),
  ),
];

export const measureAgents: Benchmark = async ({ rounds, only, signal }) => {
  const beganAt = performance.now();
  const measured = new MeasuredFigures();
  const failures: Failure[] = [];
  const cases = CASES.filter(({ of, peer }) => only.length === 0 || only.includes(of) || only.includes(peer));
  {
    await using stage = await openAgentStage(signal);
    for (let round = 1; round <= rounds; round += 1) {
      for (const [at, { of, peer, measure }] of cases.entries()) {
        signal.throwIfAborted();
        const said = `round ${round} of ${rounds}, ${at + 1} of ${cases.length}: ${of}, ${nameOf(peer)}`;
        try {
          measured.add(of, peer, await measure(stage));
          console.log(said);
        } catch (error) {
          signal.throwIfAborted();
          // one that fails is a result too, and must not cost the others theirs
          failures.push({ of, peer, round, reason: String(error) });
          console.log(`${said} failed: ${String(error)}`);
        }
      }
    }
  }
  const result = {
    benchmark: 'agents' as const,
    measuredOn: new Date().toISOString().slice(0, 10),
    machine: thisMachine(),
    rounds,
    seconds: Math.round((performance.now() - beganAt) / 1e3),
    measured: measured.all(),
    failures,
  };
  console.log(`\n${agentTargets(result)}\n\n${agentTables(result)}`);
  // of a part nothing can be compared
  if (only.length === 0) await keepAgents(result);
};
