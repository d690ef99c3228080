import type { Case } from '../case.ts';
import { meteredLoad, rounded } from '../metered.ts';
import { fanOutOfMillrace } from './fan-out.ts';

/** How Millrace's cost grows. The figures of each size are kept under its number, in place of a peer. */
export const GROWTH_CASES: readonly Case[] = [
  ...[10, 100, 1_000, 5_000].map(withStreams),
  ...[100, 1_000, 10_000, 100_000].map(withTokens),
  ...[1, 10, 100, 1_000, 5_000].map(withReaders),
];

/** Each stream says a token a second: 300 a second are opened, and for five seconds all speak. */
function withStreams(streams: number): Case {
  const overMs = 3 * streams;
  const plan = { tokens: Math.ceil(overMs / 1e3) + 5, perSecond: 1, firstTokenMs: 0, stamped: true };
  return {
    of: 'growth: streams',
    peer: String(streams),
    title: `growth: ${streams} streams at 1 token/s`,
    everyRound: false,
    measure: async (stage) => {
      const { port, text } = stage.millrace.ask(plan);
      const load = { port, request: text, streams, atOnce: streams, overMs, stamped: true };
      const {
        allMicros = 0,
        tokensPerSecond = 0,
        delayP50Ms = 0,
      } = await meteredLoad(stage, stage.millrace, load, plan);
      return { cpuMsPerSecond: rounded((allMicros * tokensPerSecond) / 1e3), allMicros, delayP50Ms };
    },
  };
}

/** One answer, as fast as the model can. */
function withTokens(tokens: number): Case {
  return {
    of: 'growth: tokens',
    peer: String(tokens),
    title: `growth: an answer of ${tokens} tokens`,
    everyRound: false,
    measure: async (stage) => {
      const plan = { tokens, perSecond: 0, firstTokenMs: 0, stamped: false };
      const { port, text } = stage.millrace.ask(plan);
      const load = { port, request: text, streams: 1, atOnce: 1, overMs: 0, stamped: false };
      const { wholeP50Ms = 0 } = await meteredLoad(stage, stage.millrace, load, plan);
      return { wholeMs: wholeP50Ms };
    },
  };
}

/** One job, and all who watch it. */
function withReaders(readers: number): Case {
  const tokens = 50;
  return {
    of: 'growth: readers',
    peer: String(readers),
    title: `growth: ${readers} readers of one answer`,
    everyRound: false,
    measure: async (stage) => {
      const figures = await fanOutOfMillrace(stage, readers, tokens);
      const micros = figures['microsPerEventAndReader'] ?? 0;
      return { ...figures, cpuMs: rounded((micros * readers * tokens) / 1e3) };
    },
  };
}
