import type { Interrupt, Jobs, JobView, NewJob, Thread } from '@millrace/client';
import { JobCancelled, JobFailed } from '@millrace/client';
import type { Command } from 'commander';
import { type Context, withService } from '../command.ts';
import { follow, summaryOf } from '../following.ts';
import { withOwnJob } from '../own-job.ts';
import { plainJson } from '../terminal/plain.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { type AnsweringOptions, addAnsweringOptions, jobOf, questionOf } from './answering.ts';

interface ChatOptions extends AnsweringOptions {
  readonly thread?: string;
}

export function addChat(program: Command, terminal: Terminal): void {
  const command = program
    .command('chat')
    .description('a conversation that the server keeps; Ctrl-C cancels an answer, again lets go of it')
    .option('-t, --thread <id>', 'go on with this thread');
  addAnsweringOptions(command).action(withService(terminal, chat));
}

async function chat({ service, terminal }: Context, options: ChatOptions): Promise<void> {
  const { jobs, threads } = service.millrace;
  const thread = options.thread === undefined ? await threads.create() : threads.resume(options.thread);
  terminal.note(`thread ${thread.id} · an empty line or Ctrl-D ends the conversation`);
  const conversation = new Conversation(jobs, thread, terminal, options);
  if (options.thread !== undefined) await conversation.recall();
  try {
    while (await conversation.turn());
  } finally {
    terminal.note(`go on with it: millrace chat --thread ${thread.id}`);
  }
}

/** What a person and the service say in turns. */
class Conversation {
  #questions: readonly Interrupt[] = [];
  #isFirst: boolean;

  constructor(
    private readonly jobs: Jobs,
    private readonly thread: Thread,
    private readonly terminal: Terminal,
    private readonly options: ChatOptions,
  ) {
    this.#isFirst = options.thread === undefined;
  }

  /** Finds the questions that the thread's agent has asked. */
  async recall(): Promise<void> {
    this.#questions = (await this.thread.get()).interrupts;
  }

  /** Takes one line and shows its answer.
   *  @returns whether the conversation goes on */
  async turn(): Promise<boolean> {
    for (const { value } of this.#questions) this.terminal.note(`the agent asks: ${plainJson(value, 2)}`);
    const line = await this.terminal.ask(this.#questions.length > 0 ? 'your answer (text or JSON) > ' : '> ');
    if (line === null || line.trim() === '') return false;
    try {
      const view = await this.#answer(line);
      this.#questions = view.interrupts;
      this.terminal.note(summaryOf(view));
    } catch (error) {
      // the conversation outlives one bad answer
      if (!(error instanceof JobFailed || error instanceof JobCancelled)) throw error;
      this.terminal.note(`${error.message} (request ${error.requestId})`);
    }
    this.terminal.line();
    return true;
  }

  async #answer(line: string): Promise<JobView> {
    const settings = jobOf(this.options);
    const asked = this.#questions.length > 0;
    const job: NewJob = asked
      ? { ...settings, resume: jsonOr(line) }
      : { ...settings, ...questionOf(line, this.#system()) };
    return await withOwnJob(this.jobs, {
      create: (made) => this.thread.send(job, made),
      use: (sent, signal) => follow(sent, this.terminal, { signal }),
      note: (text) => this.terminal.note(text),
    });
  }

  /** Told once: the thread keeps it. */
  #system(): string | undefined {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    return isFirst ? this.options.system : undefined;
  }
}

/** What looks like JSON is meant as JSON: `true`, `{"approve": true}`; anything else is text. */
function jsonOr(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return line;
  }
}
