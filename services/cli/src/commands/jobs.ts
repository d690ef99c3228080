import { setTimeout as sleep } from 'node:timers/promises';
import type { JobFilter, JobStatus, JobView } from '@millrace/client';
import { type Command, Option } from 'commander';
import { type Context, withService } from '../command.ts';
import { Interruptions } from '../interruptions.ts';
import { age } from '../terminal/age.ts';
import type { Columns, Terminal } from '../terminal/terminal.ts';
import { INCOMPLETE, jsonOption, numberArgument } from './answering.ts';

interface JobsOptions extends JobFilter {
  readonly thread?: string;
  readonly watch?: true;
  readonly json?: true;
}

const STATUSES: readonly JobStatus[] = ['queued', 'active', 'completed', 'failed', 'cancelled'];
const PICTURE_MS = 2000;

const COLUMNS: Columns<JobView> = {
  job: ({ id }) => id,
  status: ({ status, queuePosition }) => (queuePosition === undefined ? status : `${status} (${queuePosition})`),
  age: ({ createdAt }) => age(createdAt),
  pipeline: ({ pipeline }) => pipeline,
  model: ({ model }) => model,
  attempt: ({ attempt }) => attempt,
  tokens: ({ usage }) => (usage === null ? null : usage.inputTokens + usage.outputTokens),
  error: ({ error }) => error?.code,
};

export function addJobs(program: Command, terminal: Terminal): void {
  program
    .command('jobs')
    .description('the newest jobs, or one of them')
    .argument('[id]', 'a job, with its text')
    .addOption(new Option('--status <status>', 'only these').choices(STATUSES))
    .option('-t, --thread <id>', 'only those of this thread')
    .option('--tenant <name>', 'only those of this tenant (admins)')
    .option('-n, --limit <number>', 'how many, 100 at most', numberArgument, 20)
    .option('-w, --watch', 'again every two seconds')
    .addOption(jsonOption())
    .action(withService(terminal, jobs));
}

async function jobs(context: Context, options: JobsOptions, id: string | undefined): Promise<void> {
  const { terminal, service } = context;
  if (id !== undefined) {
    const view = await service.millrace.jobs.resume(id).get({ include: ['text', 'messages'] });
    terminal.json(view, options.json ? 0 : 2);
    return;
  }
  if (!options.watch) {
    await show(context, options);
    return;
  }
  const leaving = new AbortController();
  const leave = () => leaving.abort();
  using _ = new Interruptions(leave, leave);
  while (!leaving.signal.aborted) {
    await show(context, options);
    await sleep(PICTURE_MS, undefined, { signal: leaving.signal }).catch(() => undefined);
  }
}

async function show({ terminal, service }: Context, options: JobsOptions): Promise<void> {
  const { status, thread: threadId, tenant, limit, watch, json } = options;
  const filter = { status, threadId, tenant, limit };
  const given = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
  const { items, incomplete } = await service.millrace.jobs.list(given);
  if (json) {
    for (const item of items) terminal.json(item);
  } else {
    if (watch) terminal.clear();
    terminal.table(items, COLUMNS);
  }
  if (incomplete) terminal.note(INCOMPLETE);
}
