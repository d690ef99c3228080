import type { Reconnection } from '@millrace/client';
import type { Dimension, QuietJob, Row, ServiceView, WorkerView } from '@millrace/client/admin';
import type { Command } from 'commander';
import { type Context, withService } from '../command.ts';
import { EXIT, Exit } from '../exit-codes.ts';
import { Interruptions } from '../interruptions.ts';
import { messageOf } from '../service.ts';
import { type Columns, styled, type Terminal } from '../terminal/terminal.ts';
import { jsonOption } from './answering.ts';

interface TopOptions {
  readonly by: Dimension;
  readonly once?: true;
  readonly json?: true;
}

const UNAVAILABLE = 'the service cannot say what it does: its Redis does not answer';

export function addTop(program: Command, terminal: Terminal): void {
  program
    .command('top')
    .description('queue, workers and streams as they are now, each second (admins)')
    .addOption(
      program
        .createOption('--by <what>', 'what a row adds up')
        .choices(['tenant', 'model', 'pipeline'])
        .default('tenant'),
    )
    .option('--once', 'one picture')
    .addOption(jsonOption())
    .action(withService(terminal, top));
}

async function top({ service, terminal }: Context, { by, once, json }: TopOptions): Promise<void> {
  const leaving = new AbortController();
  const leave = () => leaving.abort(new Exit(EXIT.ok));
  using _ = new Interruptions(leave, leave);
  const onReconnect = ({ delayMs, cause }: Reconnection) =>
    terminal.note(`${messageOf(cause)}; trying again in ${(delayMs / 1000).toFixed(1)} s`);
  const options = once ? { maxFailures: 0 } : { onReconnect };
  let isUnavailable = false;
  for await (const view of service.admin.now({ ...options, signal: leaving.signal })) {
    if (view === null) {
      if (once) throw new Exit(EXIT.later, UNAVAILABLE);
      if (!isUnavailable) terminal.note(UNAVAILABLE);
      isUnavailable = true;
      continue;
    }
    isUnavailable = false;
    if (json) terminal.json(view);
    else draw(terminal, view, by);
    if (once) return;
  }
}

const ms = (value: number | null) => (value === null ? null : `${Math.round(value)} ms`);

const ROWS: Columns<Pick<Row, keyof ServiceView['total'] | 'name' | 'queued' | 'active'>> = {
  name: ({ name }) => name,
  queued: ({ queued }) => queued,
  active: ({ active }) => active,
  'tokens/s': ({ tokensPerSecond }) => Math.round(tokensPerSecond),
  'first p50': ({ firstTokenP50Ms }) => ms(firstTokenP50Ms),
  'first p95': ({ firstTokenP95Ms }) => ms(firstTokenP95Ms),
  streams: ({ streams }) => streams,
  'got 429': ({ refused429 }) => refused429,
  'got 503': ({ refused503 }) => refused503,
  'take-overs': ({ takeOvers }) => takeOvers,
};

const WORKERS: Columns<WorkerView> = {
  worker: ({ id }) => id,
  host: ({ host }) => host,
  state: ({ state }) => state,
  running: ({ running, slots }) => `${running}/${slots}`,
};

const QUIET: Columns<QuietJob> = {
  'quiet job': ({ id }) => id,
  tenant: ({ tenant }) => tenant,
  for: ({ quietMs }) => `${Math.round(quietMs / 1000)} s`,
};

function draw(
  terminal: Terminal,
  { at, queue, slots, total, by, workers, quiet }: ServiceView,
  dimension: Dimension,
): void {
  terminal.clear();
  const paused = queue.paused ? styled('yellow', ' PAUSED') : '';
  const oldest = queue.oldestWaitMs === null ? '' : `, the oldest for ${(queue.oldestWaitMs / 1000).toFixed(1)} s`;
  terminal.line(
    `${at}  ${queue.queued} queued${oldest}`,
    paused,
    `  ${slots.running}/${slots.all} slots  ${total.streams} streams\n`,
  );
  terminal.table([{ name: 'all', queued: queue.queued, active: queue.active, ...total }, ...by[dimension]], ROWS);
  terminal.line();
  terminal.table(workers, WORKERS);
  if (quiet.length === 0) return;
  terminal.line();
  terminal.table(quiet, QUIET);
}
