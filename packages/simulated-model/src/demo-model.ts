/** The simulated model as a process: `node dist/demo-model.js [--host H] [--port N] [--ttft-ms N] [--tokens-per-second N]`.
 *  Prints `{"listening": "http://…/v1"}` when it is up and ends on SIGTERM or SIGINT.
 *  A separate entry of the package: it must start without what only tests need. */
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startDemoModel } from './demo/start-demo-model.ts';

export { type DemoModel, type DemoModelOptions, startDemoModel } from './demo/start-demo-model.ts';

const startedFromTheCommandLine =
  process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url);
if (startedFromTheCommandLine) await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '0' },
      'ttft-ms': { type: 'string', default: '400' },
      'tokens-per-second': { type: 'string', default: '40' },
    },
  });
  const model = await startDemoModel({
    host: values.host,
    port: wholeNumber('--port', values.port),
    ttftMs: wholeNumber('--ttft-ms', values['ttft-ms']),
    tokensPerSecond: wholeNumber('--tokens-per-second', values['tokens-per-second']),
  });
  process.stdout.write(`${JSON.stringify({ listening: model.url })}\n`);
  // answers still being streamed end with the process
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));
}

function wholeNumber(option: string, text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  process.stderr.write(`${option} must be a whole number, not ${text}\n`);
  process.exit(2);
}
