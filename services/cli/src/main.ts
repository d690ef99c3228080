import { run } from './program.ts';
import { Terminal } from './terminal/terminal.ts';

// the reader of a pipe may leave early: `millrace jobs | head`
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => process.exit(code === 'EPIPE' ? 0 : 1));

process.exitCode = await run(process.argv.slice(2), new Terminal(process.stdin, process.stdout, process.stderr));
