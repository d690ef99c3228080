import { createHash } from 'node:crypto';
import type { CreateJobBody, createJobSchema } from '@millrace/contracts';
import { z } from 'zod';
import { boundedArray, refused } from '../foreign/bounded.ts';
import { checkedJob, faultsOf } from '../foreign/check-job.ts';
import { type Path, pathOf, pointerTo, RequestFault } from '../foreign/request-fault.ts';
import { resumeOf } from './approvals.ts';
import { conversationOf } from './messages.ts';
import { isToolPart, type UiMessage, uiMessageSchema } from './ui-message.ts';

/** A request of `useChat`, as a job and what else it asks of the service. */
export interface AiSdkRequest {
  /** with the whole conversation that the client has, unless it answers a question or has an input of its own */
  readonly job: CreateJobBody;
  /** how many of the job's messages an agent knows already, if it has a state: all up to the client's last answer */
  readonly known: number;
  /** The client asks the last question again, as it was or in other words: what came of it is undone. The number of questions
   *  that the client has, with this one. */
  readonly asksAgain: { readonly questions: number } | null;
  /** whether the answer goes on with the client's last message */
  readonly continues: boolean;
  /** whether the client knows requests to approve a tool call */
  readonly approvals: boolean;
  /** the field of the client's body for one of the job's, both as JSON pointers */
  readonly fieldOf: (pointer: string) => string;
}

/** Fields of `POST /jobs` that a client may add. */
const OWN_FIELDS = [
  ...(['input', 'resume', 'pipeline', 'model', 'temperature', 'maxTokens', 'topP', 'stop', 'seed'] as const),
  ...(['presencePenalty', 'frequencyPenalty', 'reasoningEffort', 'tools', 'toolChoice', 'parallelToolCalls'] as const),
  ...([
    'responseFormat',
    'onBusy',
    'delayMs',
    'config',
    'streamModes',
    'onDisconnect',
    'onCrash',
    'timeoutMs',
  ] as const),
] as const;
/** The AI SDK's names for fields of ours. */
const OTHER_NAMES = { maxOutputTokens: 'maxTokens', stopSequences: 'stop' } as const;
const PIPELINE_AS_MODEL = 'pipeline/';

const bodySchema = z.looseObject({
  id: z.string().min(1).max(512).nullish(),
  threadId: z.string().nullish(),
  messages: boundedArray(uiMessageSchema, { most: 1_000 }).optional(),
  trigger: z.enum(['submit-message', 'regenerate-message']).nullish(),
  messageId: z.string().nullish(),
  system: z.string().nullish(),
  approvals: z.boolean().nullish(),
  topK: refused('is not supported: leave it out'),
});

type Body = z.output<typeof bodySchema>;

/** @throws RequestFault in the names of the body */
export function aiSdkRequest(given: unknown): AiSdkRequest {
  const parsed = bodySchema.safeParse(given ?? {});
  if (!parsed.success) throw new RequestFault(faultsOf(parsed.error.issues));
  const body = parsed.data;
  const messages = body.messages ?? [];
  const last = messages.at(-1);
  const isAgain = body.trigger === 'regenerate-message' || isEdited(body, last);
  const own = ownFieldsOf(body);
  const resume = own['resume'] ?? approvalOf(last, messages.length - 1);
  const { said, origins, known } = conversationOf(messages, body.system ?? null);
  const source = sourceOf({ resume, input: own['input'], said });
  const job: Record<string, unknown> = {
    ...own,
    ...source,
    ...threadOf(body),
    ...metadataOf(body['metadata']),
    onBusy: own['onBusy'] ?? (isAgain ? 'rollback' : undefined),
  };
  const theirs = (path: Path) => theirPath(path, body, origins);
  return {
    job: checkedJob(job as z.input<typeof createJobSchema>, theirs),
    known,
    asksAgain: isAgain ? { questions: messages.filter(({ role }) => role === 'user').length } : null,
    continues: last?.role === 'assistant' && !isAgain,
    approvals: body.approvals ?? true,
    fieldOf: (pointer) => pointerTo(theirs(pathOf(pointer))),
  };
}

/** The thread of a chat: its id, or where that cannot be the id of a thread, a hash of it.
 *  @see docs/protocols.md */
export function threadIdOfChat(chatId: string): string {
  if (/^[A-Za-z0-9_-]{1,64}$/.test(chatId)) return chatId;
  return `chat_${createHash('sha256').update(chatId).digest('base64url')}`;
}

/** `sendMessage` with a `messageId` replaces that message of the user. Automatic requests name the assistant's. */
function isEdited({ messageId }: Body, last: UiMessage | undefined): boolean {
  return last?.role === 'user' && typeof messageId === 'string' && messageId === last.id;
}

function ownFieldsOf(body: Body): Record<string, unknown> {
  const own: Record<string, unknown> = {};
  for (const name of OWN_FIELDS) if (body[name] !== undefined && body[name] !== null) own[name] = body[name];
  for (const [theirs, ours] of Object.entries(OTHER_NAMES)) own[ours] ??= body[theirs] ?? undefined;
  const { model, tools, toolChoice } = own;
  if (typeof model === 'string' && model.startsWith(PIPELINE_AS_MODEL)) {
    own['pipeline'] = model.slice(PIPELINE_AS_MODEL.length);
    delete own['model'];
  }
  if (isRecord(tools)) own['tools'] = toolsOf(tools);
  if (isRecord(toolChoice) && toolChoice['type'] === 'tool') own['toolChoice'] = { name: toolChoice['toolName'] };
  // a form has none selected
  if (Array.isArray(own['tools']) && own['tools'].length === 0) {
    delete own['tools'];
    if (own['toolChoice'] === 'auto' || own['toolChoice'] === 'none') delete own['toolChoice'];
  }
  return own;
}

/** Tools by their names, as assistant-ui sends them. */
function toolsOf(tools: Readonly<Record<string, unknown>>): unknown[] {
  return Object.entries(tools).map(([name, tool]) => {
    if (!isRecord(tool)) return tool;
    const { description, parameters, inputSchema } = tool;
    return {
      name,
      ...(description === undefined || description === null ? {} : { description }),
      parameters: parameters ?? inputSchema ?? { type: 'object', properties: {} },
    };
  });
}

/** What the person has decided about the tool calls of the last answer.
 *  @returns undefined: nothing
 *  @throws RequestFault some of the calls that one question is about are undecided */
function approvalOf(last: UiMessage | undefined, index: number): unknown {
  if (last?.role !== 'assistant') return undefined;
  const answers = last.parts.flatMap((part) => {
    if (!isToolPart(part) || part.state !== 'approval-responded') return [];
    const { id, approved, reason } = part.approval ?? {};
    if (id === undefined || approved === undefined) return [];
    return [{ approvalId: id, approved, reason: reason ?? undefined }];
  });
  if (answers.length === 0) return undefined;
  const resume = resumeOf(answers);
  if (resume !== null) return resume;
  const detail = 'decide all tool calls of this message that wait for approval, then send it';
  throw new RequestFault([{ pointer: `/messages/${index}`, detail }]);
}

function sourceOf({ resume, input, said }: { resume: unknown; input: unknown; said: readonly unknown[] }) {
  if (resume !== undefined) return { resume };
  return input === undefined ? { messages: said } : {};
}

function threadOf({ id, threadId }: Body): { threadId?: string } {
  if (id === undefined || id === null) return threadId === undefined || threadId === null ? {} : { threadId };
  const own = threadIdOfChat(id);
  if (typeof threadId === 'string' && threadId !== own) {
    throw new RequestFault([{ pointer: '/threadId', detail: 'is the id of the chat here: leave it out' }]);
  }
  return { threadId: own };
}

/** Metadata of the client's own is none of a job's, unless it has that form. It does not change the answer. */
function metadataOf(metadata: unknown): { metadata?: Record<string, string> } {
  const parsed = z.record(z.string().max(64), z.string().max(512)).safeParse(metadata);
  return parsed.success && Object.keys(parsed.data).length <= 16 ? { metadata: parsed.data } : {};
}

/** @param origins which of the client's messages each of the job's is a part of; null: the `system` text */
function theirPath(path: Path, body: Body, origins: readonly (number | null)[]): Path {
  const [field, index, ...rest] = path;
  if (field === 'messages' && typeof index === 'number') {
    const origin = origins[index] ?? null;
    return origin === null ? ['system'] : ['messages', origin];
  }
  if (field === 'messages' || field === 'query') return ['messages'];
  if (field === 'threadId') return body.id === undefined || body.id === null ? path : ['id'];
  if (field === 'pipeline' && body['pipeline'] === undefined) return ['model'];
  const [other] = Object.entries(OTHER_NAMES).find(([theirs, ours]) => ours === field && body[theirs] != null) ?? [];
  if (other !== undefined && (body[field as string] === undefined || body[field as string] === null)) {
    return [other, ...path.slice(1)];
  }
  if (field === 'tools' && typeof index === 'number' && isRecord(body['tools'])) {
    return ['tools', Object.keys(body['tools'])[index] ?? index, ...rest];
  }
  return path;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
