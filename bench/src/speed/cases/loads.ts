import type { TokenPlan } from '@millrace/simulated-model/paced';
import type { RunningPeer } from '../../peers/peer.ts';
import type { Case } from '../case.ts';
import { labelOf } from '../labels.ts';
import { meteredLoad } from '../metered.ts';
import type { Stage } from '../stage.ts';

/** A load that all peers are put under. */
interface SharedLoad {
  readonly of: string;
  readonly title: string;
  readonly plan: TokenPlan;
  readonly streams: number;
  readonly atOnce: number;
  readonly overMs: number;
  /** who bears it; a peer with a smaller load of its own has it beside its id */
  readonly peers: readonly (
    | string
    | { readonly peer: string; readonly streams?: number; readonly plan?: Partial<TokenPlan> }
  )[];
}

const AS_FAST_AS_IT_CAN = { perSecond: 0, firstTokenMs: 0 } as const;

const LOADS: readonly SharedLoad[] = [
  {
    of: 'light',
    title: 'one short answer after the other',
    plan: { ...AS_FAST_AS_IT_CAN, tokens: 4, stamped: true },
    ...{ streams: 200, atOnce: 1, overMs: 0 },
    peers: ['model', 'direct', 'resumable-stream', { peer: 'langgraph', streams: 15 }, 'naive', 'millrace'],
  },
  {
    of: 'talk',
    title: '10 answers of 100 tokens at 50 tokens/s',
    plan: { tokens: 100, perSecond: 50, firstTokenMs: 0, stamped: false },
    ...{ streams: 10, atOnce: 10, overMs: 200 },
    peers: ['direct', 'resumable-stream', 'langgraph', 'naive', 'millrace'],
  },
  {
    of: 'single',
    title: 'one answer as fast as the model can',
    plan: { ...AS_FAST_AS_IT_CAN, tokens: 20_000, stamped: false },
    ...{ streams: 1, atOnce: 1, overMs: 0 },
    peers: [
      { peer: 'model', plan: { tokens: 400_000 } },
      ...['direct', 'resumable-stream'],
      { peer: 'langgraph', plan: { tokens: 1_500 } },
      { peer: 'naive', plan: { tokens: 5_000 } },
      'millrace',
    ],
  },
  {
    of: 'whole',
    title: '200 answers as fast as the model can',
    plan: { ...AS_FAST_AS_IT_CAN, tokens: 600, stamped: false },
    ...{ streams: 200, atOnce: 200, overMs: 0 },
    peers: [
      { peer: 'model', plan: { tokens: 4_000 } },
      ...['direct', 'resumable-stream'],
      { peer: 'langgraph', plan: { tokens: 10 } },
      { peer: 'naive', plan: { tokens: 50 } },
      'millrace',
    ],
  },
  {
    of: 'paced',
    title: '200 answers at 50 tokens/s',
    // a second between the opening of the last and the time that counts
    plan: { tokens: 200, perSecond: 50, firstTokenMs: 1_000, stamped: true },
    ...{ streams: 200, atOnce: 200, overMs: 1_000 },
    peers: [
      ...['model', 'direct', 'resumable-stream'],
      { peer: 'langgraph', streams: 10, plan: { tokens: 80, perSecond: 20 } },
      { peer: 'naive', streams: 60 },
      'millrace',
    ],
  },
  {
    of: 'crowd',
    title: '1,000 answers at 5 tokens/s',
    plan: { tokens: 35, perSecond: 5, firstTokenMs: 1_000, stamped: true },
    ...{ streams: 1_000, atOnce: 1_000, overMs: 3_000 },
    peers: ['model', 'direct', 'resumable-stream', 'millrace', 'millrace-worker'],
  },
];

/** The loads, peer by peer. */
export const LOAD_CASES: readonly Case[] = LOADS.flatMap(({ peers, ...shared }) =>
  peers.map((each) => {
    const { peer, streams = shared.streams, plan } = typeof each === 'string' ? { peer: each } : { plan: {}, ...each };
    return caseOf({ ...shared, streams, plan: { ...shared.plan, ...plan } }, peer);
  }),
);

function caseOf({ of, title, plan, streams, atOnce, overMs }: Omit<SharedLoad, 'peers'>, peer: string): Case {
  return {
    of,
    peer,
    title: `${title}: ${labelOf(peer)}`,
    everyRound: of !== 'talk',
    measure: async (stage) => {
      const { running, ask } = asked(stage, peer);
      const { port, text } = ask(plan);
      const load = { port, request: text, streams, atOnce: Math.min(atOnce, streams), overMs, stamped: plan.stamped };
      return meteredLoad(stage, running, load, plan);
    },
  };
}

/** `millrace-worker` is Millrace with stamps that the worker puts on. */
function asked({ peers, millrace }: Stage, peer: string): { running: RunningPeer; ask: RunningPeer['ask'] } {
  if (peer === 'millrace-worker') return { running: millrace, ask: millrace.askStamping };
  const running = peers.get(peer);
  if (running === undefined) throw new RangeError(`no peer is named ${peer}`);
  return { running, ask: running.ask };
}
