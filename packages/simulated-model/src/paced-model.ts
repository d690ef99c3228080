/** The model for measurements as a process: `node dist/paced-model.js [--port N]`.
 *  Prints `{"listening": "http://…/v1"}` when it is up and ends on SIGTERM or SIGINT.
 *  A separate entry of the package: a measurement loads nothing else with it. */
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startPacedModel } from './paced/start-paced-model.ts';

export { type PacedModel, startPacedModel } from './paced/start-paced-model.ts';
export {
  monotonicMicros,
  PLAIN_TOKEN,
  STAMP_DIGITS,
  stampedToken,
  stampOf,
  TOKEN_MARK,
} from './paced/token.ts';
export { planIn, promptOf, type TokenPlan } from './paced/token-plan.ts';

const startedFromTheCommandLine =
  process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url);
if (startedFromTheCommandLine) {
  const { values } = parseArgs({ options: { port: { type: 'string', default: '0' } } });
  const model = await startPacedModel(Number(values.port));
  process.stdout.write(`${JSON.stringify({ listening: model.url })}\n`);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));
}
