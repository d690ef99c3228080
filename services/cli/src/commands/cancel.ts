import type { Command } from 'commander';
import { Option } from 'commander';
import { type Context, withService } from '../command.ts';
import { EXIT, Exit, exitCodeOf, worstOf } from '../exit-codes.ts';
import { messageOf } from '../service.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface CancelOptions {
  readonly all?: 'queued' | 'active';
  readonly tenant?: string;
  readonly pipeline?: string;
}

export function addCancel(program: Command, terminal: Terminal): void {
  program
    .command('cancel')
    .description('end jobs; what they have said stays')
    .argument('[id...]', 'the jobs')
    .addOption(new Option('--all <status>', 'all jobs that wait or run (admins)').choices(['queued', 'active']))
    .option('--tenant <name>', 'with --all: only those of this tenant')
    .option('-p, --pipeline <name>', 'with --all: only those of this pipeline')
    .action(withService(terminal, cancel));
}

async function cancel({ service, terminal }: Context, options: CancelOptions, ids: string[]): Promise<void> {
  const { all: status, ...filter } = options;
  if ((status === undefined) === (ids.length === 0))
    throw new Exit(EXIT.usage, 'name the jobs to cancel, or --all queued|active');
  if (status !== undefined) {
    const { tenant, pipeline } = filter;
    const wanted = {
      status,
      ...(tenant === undefined ? {} : { tenant }),
      ...(pipeline === undefined ? {} : { pipeline }),
    };
    terminal.line(`${await service.admin.cancelAll(wanted)} cancelled`);
    return;
  }
  const refused: unknown[] = [];
  for (const id of ids) {
    try {
      await service.millrace.jobs.resume(id).cancel();
      terminal.line(`${id} cancelled`);
    } catch (error) {
      refused.push(error);
      terminal.problem(`${id}: ${messageOf(error)}`);
    }
  }
  if (refused.length > 0) throw new Exit(worstOf(refused.map(exitCodeOf)));
}
