import type { PageFilter, ThreadView } from '@millrace/client';
import type { Command } from 'commander';
import { type Context, withService } from '../command.ts';
import { age } from '../terminal/age.ts';
import { type Columns, styled, type Terminal } from '../terminal/terminal.ts';
import { INCOMPLETE, jsonOption, numberArgument } from './answering.ts';

interface ThreadsOptions {
  readonly limit: number;
  readonly tenant?: string;
  readonly json?: true;
}

const COLUMNS: Columns<ThreadView> = {
  thread: ({ id }) => id,
  status: ({ status }) => status,
  changed: ({ updatedAt }) => age(updatedAt),
  title: ({ metadata }) => metadata['title'],
  'last job': ({ lastJob }) => lastJob,
};

export function addThreads(program: Command, terminal: Terminal): void {
  program
    .command('threads')
    .description('the newest threads, or what was said in one')
    .argument('[id]', 'a thread, with its messages')
    .option('--tenant <name>', 'only those of this tenant (admins)')
    .option('-n, --limit <number>', 'how many threads, 100 at most', numberArgument, 20)
    .addOption(jsonOption())
    .action(withService(terminal, threads));
}

async function threads(
  context: Context,
  { limit, tenant, json }: ThreadsOptions,
  id: string | undefined,
): Promise<void> {
  const { terminal, service } = context;
  const ofTenant = tenant === undefined ? {} : { tenant };
  if (id !== undefined) {
    await messages(context, id, { ...ofTenant, limit: 100 }, json ?? false);
    return;
  }
  const { items, incomplete } = await service.millrace.threads.list({ ...ofTenant, limit });
  if (json) for (const item of items) terminal.json(item);
  else terminal.table(items, COLUMNS);
  if (incomplete) terminal.note(INCOMPLETE);
}

async function messages({ terminal, service }: Context, id: string, filter: PageFilter, json: boolean): Promise<void> {
  const thread = service.millrace.threads.resume(id);
  let cursor: string | null = null;
  do {
    const page = await thread.messages(cursor === null ? filter : { ...filter, cursor });
    for (const message of page.items) {
      if (json) {
        terminal.json(message);
        continue;
      }
      const { role, content } = message;
      const text =
        typeof content === 'string'
          ? content
          : content.map((part) => ('text' in part ? part.text : `[${part.type}]`)).join('');
      terminal.line(styled('bold', `${role}:`), ` ${text}\n`);
    }
    cursor = page.nextCursor;
  } while (cursor !== null);
}
