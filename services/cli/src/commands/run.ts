import type { Command } from 'commander';
import { type Context, withService } from '../command.ts';
import { follow, summaryOf } from '../following.ts';
import type { Terminal } from '../terminal/terminal.ts';
import {
  type AnsweringOptions,
  addAnsweringOptions,
  jobOf,
  jsonArgument,
  jsonOption,
  promptOf,
  questionOf,
} from './answering.ts';

interface RunOptions extends AnsweringOptions {
  readonly thread?: string;
  readonly input?: Record<string, unknown>;
  readonly detach?: true;
  readonly json?: true;
  readonly quiet?: boolean;
}

export function addRun(program: Command, terminal: Terminal): void {
  const command = program
    .command('run')
    .description('ask once: the answer on stdout, progress on stderr')
    .argument('[prompt...]', 'what to ask; - or nothing: the standard input');
  addAnsweringOptions(command)
    .option('-t, --thread <id>', 'go on with this thread, or begin it')
    .option('-i, --input <json>', 'input of an agent, instead of a prompt', jsonArgument)
    .option('-d, --detach', 'print the id of the job, and do not wait for its answer')
    .option('-q, --quiet', 'nothing on stderr but errors')
    .addOption(jsonOption())
    .action(withService(terminal, run));
}

async function run({ service, terminal }: Context, options: RunOptions, words: string[]): Promise<void> {
  const { thread: threadId, input, detach, json, quiet = false } = options;
  const question = input === undefined ? questionOf(await promptOf(words, terminal.input), options.system) : { input };
  const job = { ...jobOf(options), ...question, ...(threadId === undefined ? {} : { threadId }) };
  if (detach) {
    const view = await service.millrace.jobs.submit(job);
    if (json) terminal.json(view);
    else terminal.line(view.id);
    return;
  }
  const created = await service.millrace.jobs.create(job);
  if (json) {
    terminal.json(await created.wait({ include: ['text', 'messages'] }));
    return;
  }
  if (!terminal.isOutTty && !quiet) terminal.note(`job ${created.id}`);
  const view = await follow(created, terminal, { onInterrupt: 'cancel', quiet });
  if (terminal.isOutTty) terminal.line();
  if (!quiet) terminal.note(summaryOf(view));
}
