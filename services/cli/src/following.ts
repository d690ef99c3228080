import type { Job, JobEvent, JobView } from '@millrace/client';
import { AnswerChanged, JobCancelled, JobFailed } from '@millrace/client';
import { EXIT, Exit } from './exit-codes.ts';
import { Interruptions } from './interruptions.ts';
import { plainLine } from './terminal/plain.ts';
import type { Terminal } from './terminal/terminal.ts';

export interface Following {
  /** what the first Ctrl-C does: cancel what is ours, or let go of what is somebody's */
  readonly onInterrupt: 'cancel' | 'detach';
  /** no lines about progress */
  readonly quiet?: boolean;
}

/** Writes the answer of a job as it comes, over as many connections as it takes.
 *  @returns the terminal event's job
 *  @throws JobFailed, JobCancelled; Exit: detached */
export async function follow(
  job: Job,
  terminal: Terminal,
  { onInterrupt, quiet = false }: Following,
): Promise<JobView> {
  const leaving = new AbortController();
  const note = (text: string) => {
    if (!quiet) terminal.note(text);
  };
  const detach = () => leaving.abort(new Exit(EXIT.interrupted, `detached; the job goes on: ${howToResume(job)}`));
  const cancel = () => {
    note('cancelling … Ctrl-C again lets go of it instead');
    job.cancel().catch(() => undefined); // it may have ended: then its own end is what happens
  };
  using _ = onInterrupt === 'cancel' ? new Interruptions(cancel, detach) : new Interruptions(detach, detach);
  const { signal } = leaving;
  const onReconnect = ({ delayMs }: { readonly delayMs: number }) => {
    // a node that stops hands its streams over at once: not worth a word
    if (delayMs > 2000) note(`connection lost, trying again in ${Math.round(delayMs / 1000)} s`);
  };
  try {
    if (terminal.isOutTty) await show(job.events({ signal, onReconnect }), terminal, { id: job.id, note });
    else await pipe(job.text({ signal, onReconnect }), terminal);
    return await job.get({ signal, include: [] });
  } catch (error) {
    if (error instanceof AnswerChanged) {
      const hint = 'another worker has taken over and says something else; what was written is void';
      throw new Exit(EXIT.failed, `${hint}: ${howToResume(job)}`);
    }
    throw error;
  }
}

function howToResume({ id, lastEventId }: Pick<Job, 'id' | 'lastEventId'>): string {
  return `millrace watch ${id}${lastEventId === null ? '' : ` --after ${lastEventId}`}`;
}

/** The pieces are the exact answer; what cannot be taken back is never written twice. */
async function pipe(pieces: AsyncIterable<string>, terminal: Terminal): Promise<void> {
  const writer = terminal.answer();
  for await (const piece of pieces) writer.write(piece);
  writer.end();
}

interface Shown {
  readonly id: string;
  readonly note: (text: string) => void;
}

async function show(events: AsyncIterable<JobEvent>, terminal: Terminal, { id, note }: Shown): Promise<void> {
  const writer = terminal.answer();
  let hasText = false;
  for await (const event of events) {
    switch (event.type) {
      case 'text':
        hasText = true;
        writer.write(event.data.text);
        break;
      case 'reset':
        if (hasText) writer.restart();
        break;
      case 'message_end':
        writer.end();
        break;
      case 'error':
        writer.end();
        throw new JobFailed(event.data, id);
      case 'cancelled':
        writer.end();
        throw new JobCancelled(event.data.by, id);
      default: {
        const progress = progressOf(event);
        if (progress !== null) note(progress);
      }
    }
  }
  writer.end();
}

/** @returns what a person should know of an event beside the answer; null: nothing */
function progressOf(event: JobEvent): string | null {
  switch (event.type) {
    case 'accepted':
      return `job ${event.data.id}`;
    case 'started':
      return event.data.attempt === 1 ? null : `attempt ${event.data.attempt}`;
    case 'tool_call':
      return `→ ${plainLine(event.data.name)} ${shortened(event.data.arguments)}`;
    case 'tool_result':
      return `${event.data.isError ? '✗' : '←'} ${plainLine(event.data.name)} ${shortened(event.data.content)}`;
    default:
      return null;
  }
}

const MAX_SHOWN = 200;

function shortened(text: string): string {
  const line = plainLine(text.slice(0, 4 * MAX_SHOWN));
  return line.length > MAX_SHOWN ? `${line.slice(0, MAX_SHOWN)}…` : line;
}

/** @returns one line about an answer that is complete */
export function summaryOf({ usage, createdAt, firstTokenAt, finishedAt, model, attempt }: JobView): string {
  const from = Date.parse(createdAt);
  const ms = (time: string | null) => (time === null ? null : Date.parse(time) - from);
  const first = ms(firstTokenAt);
  const total = ms(finishedAt);
  const parts = [
    model,
    first === null ? null : `first token ${first} ms`,
    total === null ? null : `${(total / 1000).toFixed(1)} s`,
    usage === null ? null : `${usage.inputTokens} + ${usage.outputTokens} tokens`,
    attempt > 1 ? `${attempt} attempts` : null,
  ];
  return parts.filter((part) => part !== null).join(' · ');
}
