import { readFileSync } from 'node:fs';
import tab from '@bomb.sh/tab/commander';
import { MillraceError, RequestRefused } from '@millrace/client';
import { Command, CommanderError, Option } from 'commander';
import { addCancel } from './commands/cancel.ts';
import { addChat } from './commands/chat.ts';
import { addDev } from './commands/dev.ts';
import { addDoctor } from './commands/doctor.ts';
import { addErase } from './commands/erase.ts';
import { addJobs } from './commands/jobs.ts';
import { addKeys } from './commands/keys.ts';
import { addRun } from './commands/run.ts';
import { addThreads } from './commands/threads.ts';
import { addTop } from './commands/top.ts';
import { addUsage } from './commands/usage.ts';
import { addWatch } from './commands/watch.ts';
import { EXIT, type ExitCode, exitCodeOf } from './exit-codes.ts';
import { DEFAULT_URL, messageOf } from './service.ts';
import type { Terminal } from './terminal/terminal.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

function programOf(terminal: Terminal): Command {
  const program = new Command('millrace')
    .description('Streams of LLM answers that outlive connections, processes and deploys.')
    .version(version)
    .addOption(new Option('-u, --url <url>', 'where the service is').env('MILLRACE_URL').default(DEFAULT_URL))
    .option('--api-key-file <file>', 'file with the API key (or: MILLRACE_API_KEY, MILLRACE_API_KEY_FILE)')
    .configureOutput({ writeOut: (text) => terminal.own(text, 'out'), writeErr: (text) => terminal.own(text, 'err') })
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(millrace --help lists what there is)')
    .exitOverride();
  for (const add of [
    addChat,
    addRun,
    addWatch,
    addCancel,
    addJobs,
    addThreads,
    addKeys,
    addUsage,
    addErase,
    addDoctor,
    addDev,
    addTop,
  ]) {
    add(program, terminal);
  }
  for (const command of program.commands) command.copyInheritedSettings(program);
  tab(program);
  return program;
}

/** Runs one command line.
 *  @param args without the program's own name */
export async function run(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  try {
    await programOf(terminal).parseAsync(args, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    // it has written its message itself
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    report(error, terminal);
    return exitCodeOf(error);
  }
}

function report(error: unknown, terminal: Terminal): void {
  const message = messageOf(error);
  if (message === '') return;
  const id = error instanceof MillraceError && error.requestId !== null ? ` (request ${error.requestId})` : '';
  terminal.problem(`${message}${id}`);
  if (error instanceof RequestRefused)
    for (const { pointer, detail } of error.errors) terminal.problem(`${pointer}: ${detail}`);
}
