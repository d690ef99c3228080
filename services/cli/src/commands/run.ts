import type { CreateOptions, Job, JobView } from '@millrace/client';
import type { Command } from 'commander';
import { type Context, withService } from '../command.ts';
import { assertGood, follow, summaryOf } from '../following.ts';
import { withOwnJob } from '../own-job.ts';
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
  const note = (text: string) => {
    if (!quiet) terminal.note(text);
  };
  const { jobs } = service.millrace;
  if (detach) {
    const show = async (view: JobView) => (json ? terminal.json(view) : terminal.line(view.id));
    await withOwnJob(jobs, { create: (made) => jobs.submit(job, made), use: show, note });
    return;
  }
  if (json) {
    // nothing is shown before its end
    const create = async (made: CreateOptions) => {
      const created = await jobs.create(job, made);
      return { id: created.id, created };
    };
    await withOwnJob(jobs, { create, use: ({ created }, signal) => printWhole(created, terminal, signal), note });
    return;
  }
  const use = async (created: Job, signal: AbortSignal) => {
    if (!terminal.isOutTty) note(`job ${created.id}`);
    return await follow(created, terminal, { signal, quiet });
  };
  const view = await withOwnJob(jobs, { create: (made) => jobs.create(job, made), use, note });
  if (terminal.isOutTty) terminal.line();
  note(summaryOf(view));
}

/** Prints the whole job, however it ends.
 *  @throws JobFailed, JobCancelled; the signal's reason */
async function printWhole(job: Job, terminal: Terminal, signal: AbortSignal): Promise<void> {
  for await (const event of job.events({ signal })) {
    if (!['done', 'error', 'cancelled'].includes(event.type)) continue;
    terminal.json(await job.get({ include: ['text', 'messages'], signal }));
    assertGood(event, job.id);
  }
}
