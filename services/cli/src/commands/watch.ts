import type { Command } from 'commander';
import { type Context, withService } from '../command.ts';
import { EXIT, Exit } from '../exit-codes.ts';
import { assertGood, follow, summaryOf } from '../following.ts';
import { Interruptions } from '../interruptions.ts';
import { howToResume } from '../own-job.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface WatchOptions {
  readonly after?: string;
  readonly events?: true;
  readonly quiet?: boolean;
}

export function addWatch(program: Command, terminal: Terminal): void {
  program
    .command('watch')
    .description('read the answer of a job, from its beginning or after an event; Ctrl-C lets go of it')
    .argument('<id>', 'the job')
    .option('-a, --after <event>', 'only what comes after this event')
    .option('-e, --events', 'every event as JSON, one a line')
    .option('-q, --quiet', 'nothing on stderr but errors')
    .action(withService(terminal, watch));
}

async function watch(
  { service, terminal }: Context,
  { after, events, quiet = false }: WatchOptions,
  id: string,
): Promise<void> {
  const job = service.millrace.jobs.resume({ id, lastEventId: after ?? null });
  const leaving = new AbortController();
  const detach = () => leaving.abort(new Exit(EXIT.interrupted, `detached; the job goes on: ${howToResume(job)}`));
  using _ = new Interruptions(detach, detach);
  const { signal } = leaving;
  if (events) {
    for await (const event of job.events({ signal })) {
      terminal.json(event);
      assertGood(event, id);
    }
    return;
  }
  const view = await follow(job, terminal, { signal, quiet });
  if (!quiet) terminal.note(summaryOf(view));
}
