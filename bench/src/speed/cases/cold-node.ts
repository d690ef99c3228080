import type { TokenPlan } from '@millrace/simulated-model/paced';
import type { Load } from '../../load/load.ts';
import { median } from '../../measure/median.ts';
import { direct } from '../../peers/direct/direct.ts';
import { startMillrace } from '../../peers/millrace/millrace.ts';
import type { Peer, RunningPeer } from '../../peers/peer.ts';
import type { Case } from '../case.ts';
import type { Figures } from '../figures.ts';
import { rounded } from '../metered.ts';
import type { Stage } from '../stage.ts';

const PLAN: TokenPlan = { tokens: 4, perSecond: 0, firstTokenMs: 0, stamped: false };
/** Few enough that nothing is compiled yet when the last of them comes. */
const FIRST = 10;
const WARMING = 1_000;
const WARM = 100;

/** How long those wait whom a process serves first, after a deploy or a crash: from its being ready on. */
export const COLD_NODE_CASES: readonly Case[] = [
  coldCase('direct', direct.start),
  coldCase('millrace', (model) => startMillrace(model)),
];

function coldCase(peer: string, start: Peer['start']): Case {
  return {
    of: 'cold',
    peer,
    title: `the first ${FIRST} answers of fresh processes: ${peer}`,
    everyRound: true,
    measure: async (stage) => {
      await using running = await start(stage.model);
      return await measureCold(stage, running);
    },
  };
}

async function measureCold({ generator, signal }: Stage, running: RunningPeer): Promise<Figures> {
  const { port, text } = running.ask(PLAN);
  const answers = (streams: number, atOnce: number) => {
    const load: Load = { port, request: text, streams, atOnce, overMs: 0, stamped: false };
    return generator.run(load, { signal });
  };
  const first: number[] = [];
  for (let count = 0; count < FIRST; count += 1) first.push((await answers(1, 1)).firstToken.p50);
  await answers(WARMING, 20);
  const warm = (await answers(WARM, 1)).firstToken.p50;
  return {
    veryFirstMs: rounded(first[0] ?? 0),
    firstP50Ms: rounded(median(first)),
    warmP50Ms: rounded(warm),
  };
}
