/** The command line of `npm run capacity`. */
import { readFileSync } from 'node:fs';
import { describeMachine } from '../../measure/machine.ts';
import { limitsOf } from '../model/limits.ts';
import { planFor } from '../model/plan.ts';
import type { CapacityResult } from '../result.ts';
import { answerText, hourlyCosts } from './answer.ts';
import { askedBy, BadArgument, HELP } from './arguments.ts';

const RESULTS = new URL('../../../results/capacity.json', import.meta.url);

try {
  answer(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof BadArgument)) throw error;
  console.error(error.message);
  process.exitCode = 64;
}

function answer(args: readonly string[]): void {
  const asked = askedBy(args);
  if (asked === null) {
    console.log(HELP);
    return;
  }
  const { coefficients, machine, measuredOn } = JSON.parse(readFileSync(RESULTS, 'utf8')) as Partial<CapacityResult>;
  if (coefficients === undefined || machine === undefined)
    throw new BadArgument('bench/results/capacity.json has no coefficients: npm run bench:capacity ends with them');
  const plan = planFor(coefficients, asked.question);
  const limits = limitsOf(coefficients, asked.question);
  if (asked.json) console.log(JSON.stringify({ ...plan, limits, hour: hourlyCosts(plan, asked.prices) }, null, 2));
  else
    console.log(
      answerText({ plan, limits, prices: asked.prices }, `measured on ${measuredOn}, ${describeMachine(machine)}`),
    );
}
