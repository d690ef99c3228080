import type { Job, JobEvent, JobView } from '@millrace/client';
import { AnswerChanged, JobCancelled, JobFailed } from '@millrace/client';
import { EXIT, Exit } from './exit-codes.ts';
import { howToResume, sayPatience } from './own-job.ts';
import { plainLine } from './terminal/plain.ts';
import type { Terminal } from './terminal/terminal.ts';

export interface Following {
  /** lets go of the job */
  readonly signal: AbortSignal;
  /** no lines about progress */
  readonly quiet?: boolean;
}

/** Writes the answer of a job as it comes, over as many connections as it takes.
 *  @returns the terminal event's job
 *  @throws JobFailed, JobCancelled; the signal's reason */
export async function follow(job: Job, terminal: Terminal, { signal, quiet = false }: Following): Promise<JobView> {
  const note = (text: string) => {
    if (!quiet) terminal.note(text);
  };
  const onReconnect = sayPatience(note);
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

/** @throws JobFailed, JobCancelled: the event says so */
export function assertGood(event: JobEvent, id: string): void {
  if (event.type === 'error') throw new JobFailed(event.data, id);
  if (event.type === 'cancelled') throw new JobCancelled(event.data.by, id);
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
      case 'cancelled':
        writer.end();
        assertGood(event, id);
        break;
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
