import { z } from 'zod';
import { STATE_MODES, type StateMode } from './agent.ts';
import { countedArray, countedRecord } from './counted.ts';
import { type Message, messageSchema } from './message.ts';
import { checkOutput, type ModelParameters, outputFields, samplingFields } from './model-parameters.ts';
import { BUILT_IN_PIPELINE } from './queue.ts';
import { threadIdSchema } from './thread.ts';

/** A job starts this long after its creation at the latest, milliseconds: 7 days. */
export const MAX_DELAY_MS = 604_800_000;

/** Values of a graph's `configurable` that belong to the service. */
const OWNED_CONFIG = new Set([
  ...['thread_id', 'checkpoint_id', 'checkpoint_ns', 'checkpoint_map', 'run_id', 'request_id', 'attempt'],
  ...['langgraph_auth_user', 'langgraph_auth_user_id', 'langgraph_auth_permissions'],
]);

/** The body of `POST /jobs`. Unknown fields are refused; exactly one of `query`, `messages`, `input` and `resume` is given.
 *  The API also checks the limits that depend on settings (pipelines, models, the cap of `timeoutMs`).
 *  @see PROTOCOL.md §2 */
export const createJobSchema = z
  .strictObject({
    query: z.string().min(1).optional().describe('Shorthand for one user message.'),
    messages: countedArray(messageSchema, { most: 1_000 })
      .optional()
      .describe('The conversation; with a thread, what is new in it.'),
    input: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('Input of an agent whose state is not (only) messages.'),
    resume: z
      .unknown()
      .optional()
      .describe('Answers the interrupt of the thread: any JSON; `{interruptId: value, …}` where there are several.'),
    pipeline: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .describe(
        `Which pipeline or agent answers. If left out: \`${BUILT_IN_PIPELINE}\`; with \`resume\`, the agent that asked.`,
      ),
    model: z.string().min(1).max(128).optional().describe('`provider:name`, or a bare name for the default provider.'),
    ...samplingFields,
    ...outputFields,
    threadId: threadIdSchema.optional().describe('The thread to continue; it is created if it is new.'),
    onBusy: z
      .enum(['enqueue', 'reject', 'interrupt', 'rollback'])
      .optional()
      .describe(
        'What happens while another job of the thread runs: run after it; refuse; cancel it, keep what it said, then run; cancel it, undo what it did to the thread, then run. `enqueue` if left out.',
      ),
    delayMs: z.number().int().min(0).max(MAX_DELAY_MS).optional().describe('Start no sooner, milliseconds.'),
    config: countedRecord(z.string().max(64), z.unknown(), { most: 64 })
      .optional()
      .describe('Values of the agent’s `configurable`. Those that the service sets are refused.'),
    streamModes: countedArray(z.enum(STATE_MODES), { most: STATE_MODES.length })
      .optional()
      .describe('Further `state` events of an agent.'),
    onDisconnect: z
      .enum(['continue', 'cancel'])
      .default('continue')
      .describe('What happens when the creating connection is lost and nobody watches.'),
    onCrash: z
      .enum(['restart', 'fail'])
      .default('restart')
      .describe('What a new attempt does when tokens were already published.'),
    timeoutMs: z.number().int().min(1).optional().describe('Wall clock from the start of the attempt, milliseconds.'),
    webhook: z
      .url({ protocol: /^https?$/, error: 'must be a URL of http or https' })
      .max(2_048)
      .refine((url) => !URL.canParse(url) || (new URL(url).username === '' && new URL(url).password === ''), {
        error: 'must not hold credentials: the signature says who calls',
      })
      .optional()
      .describe('Told when the job ends: a signed POST.'),
    metadata: countedRecord(z.string().max(64), z.string().max(512), { most: 16 })
      .optional()
      .describe('Echoed back, never logged.'),
  })
  .superRefine(checkSource)
  .superRefine(checkOutput);

export type CreateJobBody = z.infer<typeof createJobSchema>;

/** What a worker needs from a request: stored once, in the job's record. The queue entry carries only the id. */
export interface JobRequest extends ModelParameters {
  /** empty with `input` or `resume` */
  readonly messages: readonly Message[];
  readonly input?: Readonly<Record<string, unknown>>;
  /** present, with any JSON value, in a request that answers an interrupt */
  readonly resume?: unknown;
  /** a system message for this job alone: its thread does not keep it */
  readonly instructions?: string;
  readonly threadId?: string;
  readonly onBusy?: OnBusy;
  /** In a thread of a pipeline that is no agent: `messages` is the whole conversation, and the thread forgets what it has
   *  beyond it. For protocols whose clients keep the conversation. */
  readonly conversation?: 'whole';
  /** in a thread of an agent: the job whose steps are undone before this one begins, if it was the last to end */
  readonly undoes?: string;
  /** id of the job that must be the last in the thread when this one enters it */
  readonly continues?: string;
  /** since the job was accepted, milliseconds */
  readonly delayMs?: number;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly streamModes?: readonly StateMode[];
  /** how an agent's graph runs in this job alone */
  readonly graphOptions?: GraphOptions;
  /** who asks, for an agent's `langgraph_auth_user` */
  readonly caller?: RequestCaller;
  /** URL that is told when the job ends */
  readonly webhook?: string;
  readonly pipeline: string;
  /** `provider:name` */
  readonly model: string;
  readonly onDisconnect: 'continue' | 'cancel';
  readonly onCrash: 'restart' | 'fail';
  /** wall clock from the start of the attempt, milliseconds */
  readonly timeoutMs: number;
}

/** What a job may change of a graph's own, as LangGraph names it. */
export interface GraphOptions {
  /** steps */
  readonly recursionLimit?: number;
  /** names of nodes, or all of them: the job ends there with a question, before or after the node */
  readonly interruptBefore?: '*' | readonly string[];
  readonly interruptAfter?: '*' | readonly string[];
}

/** What happens to a new job while another job of its thread runs. */
export type OnBusy = NonNullable<CreateJobBody['onBusy']>;

/** Who asked for a job. */
export interface RequestCaller {
  readonly tenant: string;
  readonly role: string;
  /** null where the credential names nobody */
  readonly subject: string | null;
}

const SOURCES = ['query', 'messages', 'input', 'resume'] as const;

type Sources = Partial<Record<(typeof SOURCES)[number] | 'threadId' | 'delayMs' | 'config', unknown>>;

/** Checks what the job is to work on. */
function checkSource(body: Sources, context: z.RefinementCtx): void {
  const refuse = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
  const given = SOURCES.filter((name) => body[name] !== undefined);
  if (given.length !== 1) refuse(['query'], 'give exactly one of "query", "messages", "input" and "resume"');
  if (body.resume !== undefined && body.threadId === undefined) {
    refuse(['threadId'], 'is needed with "resume": name the thread that waits for the answer');
  }
  if (body.resume !== undefined && body.delayMs !== undefined && body.delayMs !== 0) {
    refuse(['delayMs'], 'does not go with "resume": an answer is taken at once or not at all');
  }
  for (const name of Object.keys((body.config as object | undefined) ?? {})) {
    if (OWNED_CONFIG.has(name) || name.startsWith('__')) {
      refuse(['config', name], 'is set by the service: leave it out');
    }
  }
}
