import { MillraceError } from '@millrace/client';
import { refusal } from '@millrace/client/admin';
import type { Command } from 'commander';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { type Context, withService } from '../command.ts';
import { Interruptions } from '../interruptions.ts';
import { messageOf, type Service } from '../service.ts';
import type { Columns, Terminal } from '../terminal/terminal.ts';
import { jsonOption } from './answering.ts';

interface TopOptions {
  readonly by: 'tenant' | 'model' | 'pipeline';
  readonly once?: true;
  readonly json?: true;
}

interface Figures {
  readonly tokensPerSecond: number;
  readonly firstTokenP50Ms: number | null;
  readonly firstTokenP95Ms: number | null;
  readonly takeOvers: number;
  readonly refused429: number;
  readonly refused503: number;
  readonly streams: number;
}

interface Row extends Figures {
  readonly name: string;
  readonly queued: number;
  readonly active: number;
}

/** What is read of `GET /console/now`. @see docs/console.md */
interface ServiceView {
  readonly at: string;
  readonly queue: {
    readonly paused: boolean;
    readonly queued: number;
    readonly active: number;
    readonly oldestWaitMs: number | null;
  };
  readonly slots: { readonly all: number; readonly running: number };
  readonly total: Figures;
  readonly by: Readonly<Record<TopOptions['by'], readonly Row[]>>;
  readonly workers: readonly {
    readonly id: string;
    readonly host: string;
    readonly state: string;
    readonly slots: number;
    readonly running: number;
  }[];
  readonly quiet: readonly { readonly id: string; readonly tenant: string; readonly quietMs: number }[];
}

const RECONNECT_MS = 1000;

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
  const leave = () => leaving.abort();
  using _ = new Interruptions(leave, leave);
  for (;;) {
    try {
      for await (const view of pictures(service, leaving.signal)) {
        if (json) terminal.json(view);
        else draw(terminal, view, by);
        if (once) return;
      }
    } catch (error) {
      if (leaving.signal.aborted) return;
      // refused, and not just lost
      if (once || error instanceof MillraceError) throw error;
      terminal.note(`connection lost: ${messageOf(error)}`);
    }
    if (leaving.signal.aborted) return;
    await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
  }
}

/** @throws RequestRefused */
async function* pictures({ url, headers }: Service, signal: AbortSignal): AsyncGenerator<ServiceView, void, undefined> {
  const answer = await fetch(`${url}/console/now`, { headers: { ...headers, accept: 'text/event-stream' }, signal });
  if (!answer.ok || answer.body === null) throw await refusal(answer);
  const events = answer.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  for await (const { event, data } of events) if (event === 'service') yield JSON.parse(data) as ServiceView;
}

const ms = (value: number | null) => (value === null ? null : `${Math.round(value)} ms`);

const ROWS: Columns<Row> = {
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

const WORKERS: Columns<ServiceView['workers'][number]> = {
  worker: ({ id }) => id,
  host: ({ host }) => host,
  state: ({ state }) => state,
  running: ({ running, slots }) => `${running}/${slots}`,
};

const QUIET: Columns<ServiceView['quiet'][number]> = {
  'quiet job': ({ id }) => id,
  tenant: ({ tenant }) => tenant,
  for: ({ quietMs }) => `${Math.round(quietMs / 1000)} s`,
};

function draw(
  terminal: Terminal,
  { at, queue, slots, total, by, workers, quiet }: ServiceView,
  dimension: TopOptions['by'],
): void {
  terminal.clear();
  const paused = queue.paused ? terminal.style('yellow', ' PAUSED', 'out') : '';
  const oldest = queue.oldestWaitMs === null ? '' : `, the oldest for ${(queue.oldestWaitMs / 1000).toFixed(1)} s`;
  terminal.line(
    `${at}  ${queue.queued} queued${oldest}${paused}  ${slots.running}/${slots.all} slots  ${total.streams} streams\n`,
  );
  terminal.table([{ name: 'all', queued: queue.queued, active: queue.active, ...total }, ...by[dimension]], ROWS);
  terminal.line();
  terminal.table(workers, WORKERS);
  if (quiet.length === 0) return;
  terminal.line();
  terminal.table(quiet, QUIET);
}
