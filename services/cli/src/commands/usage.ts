import type { UsageFilter, UsageItem } from '@millrace/client';
import { type Command, Option } from 'commander';
import { type Context, withService } from '../command.ts';
import type { Columns, Terminal } from '../terminal/terminal.ts';
import { jsonOption } from './answering.ts';

type By = NonNullable<UsageFilter['by']>;

interface UsageOptions {
  readonly from?: string;
  readonly to?: string;
  readonly by: By;
  readonly tenant?: string;
  readonly json?: true;
}

export function addUsage(program: Command, terminal: Terminal): void {
  program
    .command('usage')
    .description('what was used, abandoned attempts included (managers, admins)')
    .option('--from <day>', 'first day, YYYY-MM-DD, UTC (default: 29 days before the last)')
    .option('--to <day>', 'last day (default: today)')
    .addOption(
      new Option('--by <what>', 'what a row adds up').choices(['day', 'model', 'pipeline', 'tenant']).default('day'),
    )
    .option('--tenant <name>', 'only this tenant (admins)')
    .addOption(jsonOption())
    .action(withService(terminal, usage));
}

async function usage({ service, terminal }: Context, { json, ...filter }: UsageOptions): Promise<void> {
  const { from, to, by, tenant } = filter;
  const given = Object.fromEntries(Object.entries({ from, to, by, tenant }).filter(([, value]) => value !== undefined));
  const items = await service.millrace.usage(given);
  if (json) for (const item of items) terminal.json(item);
  else terminal.table(items, columnsBy(by));
}

const columnsBy = (by: By): Columns<UsageItem> => ({
  [by]: (item) => item[by],
  jobs: ({ jobs }) => jobs,
  attempts: ({ attempts }) => attempts,
  'tokens in': ({ inputTokens }) => inputTokens,
  'tokens out': ({ outputTokens }) => outputTokens,
  estimated: ({ estimatedTokens }) => estimatedTokens,
  cost: ({ cost }) => cost,
});
