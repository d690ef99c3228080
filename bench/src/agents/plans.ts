import type { TokenPlan } from '@millrace/simulated-model/paced';

/** Before each of three steps, and after the last, the model says these. */
const SPEECHES = 4;

/** An agent of three steps with a tool, as fast as the model can. */
export const QUICK: TokenPlan = { tokens: 10, perSecond: 0, firstTokenMs: 0, stamped: false, steps: 3 };
/** How many of them get each peer's code hot, so that no row measures a compiler: the processor time of a token in Millrace's
 *  worker still falls by a third after the first two hundred. */
export const WARM_RUNS = 800;
/** The same at the pace of a real model. */
export const LIGHT: TokenPlan = { ...QUICK, perSecond: 50 };

/** All tokens that a run of the plan says. */
export function tokensOf({ tokens }: TokenPlan): number {
  return tokens * SPEECHES;
}
