import { Argument, type Command } from 'commander';
import { type Context, withService } from '../command.ts';
import { EXIT, Exit } from '../exit-codes.ts';
import type { Terminal } from '../terminal/terminal.ts';

type Kind = 'job' | 'thread' | 'tenant';

const WHAT: Record<Kind, string> = {
  job: 'the record, log and metadata of job',
  thread: 'all messages, jobs and checkpoints of thread',
  tenant: 'ALL threads and jobs of tenant',
};

export function addErase(program: Command, terminal: Terminal): void {
  program
    .command('erase')
    .description('remove what the service keeps: it cannot be undone')
    .addArgument(new Argument('<kind>', 'what it is').choices(Object.keys(WHAT)))
    .argument('<id>', 'its id; of a tenant its name')
    .option('-y, --yes', 'do not ask')
    .action(withService(terminal, erase));
}

async function erase(
  { service, terminal }: Context,
  { yes }: { readonly yes?: true },
  kind: Kind,
  id: string,
): Promise<void> {
  if (!yes) await confirm(terminal, kind, id);
  const { jobs, threads } = service.millrace;
  if (kind === 'job') await jobs.resume(id).erase();
  else if (kind === 'thread') await threads.resume(id).erase();
  else await service.admin.eraseTenant(id);
  terminal.line(`${kind} ${id} erased`);
}

async function confirm(terminal: Terminal, kind: Kind, id: string): Promise<void> {
  if (!terminal.isInteractive) throw new Exit(EXIT.usage, 'nobody can be asked here: say --yes');
  const typed = await terminal.ask(`This erases ${WHAT[kind]} ${id}. Type its id to go on: `);
  if (typed?.trim() !== id) throw new Exit(EXIT.interrupted, 'nothing was erased');
}
