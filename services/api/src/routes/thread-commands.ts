import { bodyOfRun, type Command, type CommandErrorCode, CommandRefused, respond } from '@millrace/protocols';
import { requireReadable } from '@millrace/threads';
import { Inject, Injectable } from '@nestjs/common';
import type { Caller } from '../auth/caller.ts';
import { hasMadeJob } from '../http/job-made.ts';
import { type Problem, ThreadNotFound } from '../http/problem.ts';
import { nameRequest } from '../http/request-id.ts';
import { toProblem } from '../http/to-problem.ts';
import { CreateThread } from '../threads/create-thread.ts';
import { ThreadAccess } from '../threads/thread-access.ts';
import { type Exchange, ForeignJobs, type ForeignRequest } from './foreign-jobs.ts';
import { LangGraphRunRequests } from './langgraph-run-requests.ts';

interface ThreadCommand {
  readonly command: Command;
  readonly threadId: string;
  readonly caller: Caller;
}

type NamedThread = Pick<ThreadCommand, 'threadId' | 'caller'>;

/** What the protocol knows, and this service has no way to do. */
const UNSUPPORTED = new Set([
  ...['agent.getTree', 'input.inject', 'state.get', 'state.listCheckpoints', 'state.fork'],
  ...['subscription.subscribe', 'subscription.unsubscribe', 'subscription.reconnect'],
]);

/** Refusals that are no matter of HTTP: a client that gets them in its answer does not send the command again. */
const CODES: Readonly<Partial<Record<Problem['code'], CommandErrorCode>>> = {
  INVALID_REQUEST: 'invalid_argument',
  INVALID_INPUT: 'invalid_argument',
  UNKNOWN_PIPELINE: 'invalid_argument',
  MODEL_NOT_ALLOWED: 'invalid_argument',
  IDEMPOTENCY_MISMATCH: 'invalid_argument',
  THREAD_BUSY: 'invalid_argument',
  THREAD_NOT_FOUND: 'no_such_interrupt',
  NOT_INTERRUPTED: 'no_such_interrupt',
};

/** Does the commands of LangGraph's thread protocol: each becomes a job, or is refused by name. @see docs/protocols.md */
@Injectable()
export class ThreadCommands {
  constructor(
    @Inject(ForeignJobs) private readonly jobs: ForeignJobs,
    @Inject(LangGraphRunRequests) private readonly requests: LangGraphRunRequests,
    @Inject(ThreadAccess) private readonly access: ThreadAccess,
    @Inject(CreateThread) private readonly createThread: CreateThread,
  ) {}

  /** @returns the answer, also where the command is refused
   *  @throws Problem that the client meets with another try, before any job was made */
  async run(exchange: Exchange, { command, ...thread }: ThreadCommand): Promise<object> {
    const { id } = command;
    try {
      const asked = await this.#read(exchange, command, thread);
      return { type: 'success', id, result: { run_id: await this.#start(exchange, asked) } };
    } catch (error) {
      const { code, message } = refusalOf(error, hasMadeJob(exchange.request));
      return { type: 'error', id, error: code, message };
    }
  }

  /** A client may watch a thread before its first run. */
  async prepare({ threadId, caller }: NamedThread): Promise<void> {
    try {
      await this.access.get({ threadId, caller, tenant: caller.tenant });
    } catch (error) {
      // a token for certain threads makes none
      const makesThreads = caller.scope === null && caller.permissions.has('thread:create');
      if (!(error instanceof ThreadNotFound) || !makesThreads) throw error;
      await this.createThread.run({ id: threadId }, caller);
    }
  }

  async #read({ reply }: Exchange, command: Command, { threadId, caller }: NamedThread): Promise<ForeignRequest> {
    const { method } = command;
    if (method === 'run.start') {
      const source = { body: bodyOfRun(command), threadId, caller, reply, needsValues: true };
      return (await this.requests.of(source)).foreign;
    }
    if (method === 'input.respond') {
      const { job: body, answers, fieldOf } = respond(command, threadId);
      await this.#requireQuestions(answers, { threadId, caller });
      return { caller, body, fieldOf };
    }
    if (UNSUPPORTED.has(method)) throw new CommandRefused('not_supported', `${method} is not supported.`);
    throw new CommandRefused('unknown_command', 'There is no such command.');
  }

  /** A thread with one question takes anything for its answer: a question that is over must not get it. */
  async #requireQuestions(ids: readonly string[], { threadId, caller }: NamedThread): Promise<void> {
    const thread = await this.access.settled({ threadId, caller, tenant: caller.tenant });
    const { interrupts } = requireReadable(thread);
    const isOpen = (id: string) => interrupts.some(({ interruptId }) => interruptId === id);
    if (!ids.every(isOpen)) throw new CommandRefused('no_such_interrupt', 'The thread does not wait for that answer.');
  }

  async #start(exchange: Exchange, asked: ForeignRequest): Promise<string> {
    using job = await this.jobs.create(exchange, asked, { follows: false });
    nameRequest(exchange.reply, job.jobId);
    await job.enqueued;
    return job.jobId;
  }
}

/** @throws Problem that is to be answered with its status */
function refusalOf(error: unknown, isJobMade: boolean): { readonly code: CommandErrorCode; readonly message: string } {
  if (error instanceof CommandRefused) return error;
  const problem = toProblem(error);
  const { detail, options } = problem;
  const code = CODES[problem.code] ?? (isJobMade ? 'unknown_error' : undefined);
  // older clients send a command again whose answer is 429 or 5xx
  if (code === undefined) throw error;
  const faults = options.errors?.map(({ pointer, detail: fault }) => `${named(pointer)} ${fault}`) ?? [];
  return { code, message: faults.length === 0 ? detail : `${faults.join('; ')}.` };
}

/** @param pointer to a place in the parameters of a command */
function named(pointer: string): string {
  return `params${pointer.replaceAll('/', '.').replaceAll('~1', '/').replaceAll('~0', '~')}`;
}
