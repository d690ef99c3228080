import { promptOf } from '@millrace/simulated-model/paced';
import { runScript } from '../../peers/run-script.ts';
import type { Case } from '../case.ts';
import { labelOf } from '../labels.ts';
import { rounded } from '../metered.ts';

interface LoopResult {
  readonly tokens: number;
  readonly wallMs: number;
  readonly cpuMicros: number;
}

const SCRIPT = new URL('../../peers/bare/loop.ts', import.meta.url);

/** The same answers as in `whole` and in `single`, read by a loop with nothing around it: the limits for a worker. */
const SIZES = [
  { of: 'whole', streams: 200, tokens: 600 },
  { of: 'single', streams: 1, tokens: 20_000 },
] as const;

/** What it costs to get tokens out of a model, without doing anything with them. */
export const BARE_LOOP_CASES: readonly Case[] = SIZES.flatMap(({ of, streams, tokens }) =>
  (['langchain', 'fetch'] as const).map((by) => ({
    of,
    peer: `bare-${by}`,
    title: `${labelOf(`bare-${by}`)}, ${streams} at once`,
    everyRound: true,
    measure: async ({ model }) => {
      const prompt = promptOf({ tokens, perSecond: 0, firstTokenMs: 0, stamped: false });
      const env = { MODEL_URL: model.url, PROMPT: prompt, STREAMS: String(streams), BY: by };
      const result = await runScript<LoopResult>(SCRIPT, env);
      if (result.tokens !== streams * tokens) throw new Error(`the loop read ${result.tokens} tokens`);
      return {
        tokensPerSecond: Math.round((result.tokens / result.wallMs) * 1e3),
        appMicros: rounded(result.cpuMicros / result.tokens),
      };
    },
  })),
);
