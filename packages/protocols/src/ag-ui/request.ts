import { type CreateJobBody, type Message, requestIdSchema, threadIdSchema } from '@millrace/contracts';
import { z } from 'zod';
import { boundedArray } from '../foreign/bounded.ts';
import { checkedJob, faultsOf } from '../foreign/check-job.ts';
import { type Path, pointerTo, RequestFault } from '../foreign/request-fault.ts';
import type { AgUiVersion } from './frames.ts';

/** What a client of AG-UI asks for. */
export interface AgUiRequest {
  readonly job: CreateJobBody;
  /** what the page says of its state, for this job alone; null: nothing */
  readonly instructions: string | null;
  /** the id of the run, if it can be a job's: the same run again attaches to its job */
  readonly jobId: string | null;
  readonly version: AgUiVersion;
  /** The place in the client's body for a place in `job`, both as JSON pointers. */
  readonly fieldOf: (pointer: string) => string;
}

const anyObject = z.record(z.string(), z.unknown());

const source = z.discriminatedUnion(
  'type',
  [
    z.object({ type: z.literal('data'), value: z.string(), mimeType: z.string() }),
    z.object({ type: z.literal('url'), value: z.string(), mimeType: z.string().nullish() }),
  ],
  { error: 'must be "data" or "url": files at a provider cannot be read' },
);
const media = <T extends string>(type: T) => z.object({ type: z.literal(type), source });

const part = z.discriminatedUnion(
  'type',
  [
    z.object({ type: z.literal('text'), text: z.string() }),
    ...[media('image'), media('audio'), media('document')],
    // of versions before 1.0
    z.object({
      type: z.literal('binary'),
      mimeType: z.string(),
      url: z.string().nullish(),
      data: z.string().nullish(),
      filename: z.string().nullish(),
    }),
  ],
  { error: 'must be "text", "image", "audio", "document" or "binary"' },
);
const content = z.union([z.string(), boundedArray(part, { most: 100 })], {
  error: 'must be a string, or a list of parts',
});

const toolCall = z.object({ id: z.string(), function: z.object({ name: z.string(), arguments: z.string() }) });

const message = z.discriminatedUnion(
  'role',
  [
    z.object({ role: z.literal(['system', 'developer']), content: z.string(), name: z.string().nullish() }),
    z.object({ role: z.literal('user'), content, name: z.string().nullish() }),
    z.object({
      role: z.literal('assistant'),
      content: z.string().nullish(),
      name: z.string().nullish(),
      toolCalls: z.array(toolCall).nullish(),
    }),
    z.object({ role: z.literal('tool'), content, toolCallId: z.string() }),
    // what the page showed: no part of the conversation with the model
    z.object({ role: z.literal(['reasoning', 'activity']) }),
  ],
  { error: 'must be "system", "developer", "user", "assistant", "tool", "reasoning" or "activity"' },
);

/** Unknown fields are accepted. */
const bodySchema = z.object({
  threadId: z.string(),
  runId: z.string(),
  protocolVersion: z.string().nullish(),
  state: z.unknown().optional(),
  messages: boundedArray(message, { most: 1_000 }),
  tools: boundedArray(
    z.object({ name: z.string(), description: z.string().nullish(), parameters: anyObject.nullish() }),
    { most: 128 },
  ).nullish(),
  context: boundedArray(z.object({ description: z.string(), value: z.string() }), { most: 100 }).nullish(),
  forwardedProps: z.unknown().optional(),
  resume: boundedArray(
    z.object({ interruptId: z.string(), status: z.enum(['resolved', 'cancelled']), payload: z.unknown().optional() }),
    { most: 100 },
  ).nullish(),
});
type Body = z.infer<typeof bodySchema>;

interface Answerer {
  /** the pipeline that the URL names; null: `chat` */
  readonly pipeline: string | null;
  /** an agent keeps its own conversation, so it is sent what is new in the client's */
  readonly isAgent: boolean;
}

/** @param body as parsed from JSON
 *  @throws RequestFault in the names of the body */
export function agUiRequest(body: unknown, { pipeline, isAgent }: Answerer): AgUiRequest {
  const parsed = bodySchema.safeParse(body);
  if (!parsed.success) throw new RequestFault(faultsOf(parsed.error.issues));
  const given = parsed.data;
  const threadId = threadIdSchema.safeParse(given.threadId);
  if (!threadId.success) {
    throw new RequestFault([{ pointer: '/threadId', detail: threadId.error.issues[0]?.message ?? 'is malformed' }]);
  }
  const asked = resumeOf(given) ?? messagesOf(given, isAgent);
  const theirs = (path: Path) => theirPlace(path, asked.origins);
  const job = checkedJob(
    {
      ...asked.fields,
      ...(pipeline === null ? {} : { pipeline }),
      threadId: threadId.data,
      ...toolsOf(given),
      ...(isAgent ? { config: configOf(given), streamModes: ['values'] } : {}),
      onDisconnect: 'cancel',
    },
    theirs,
  );
  return {
    job,
    // an agent reads it in its config
    instructions: isAgent ? null : contextText(given),
    jobId: requestIdSchema.safeParse(given.runId).data ?? null,
    version: given.protocolVersion?.startsWith('1') ? '1.0' : '0.0',
    fieldOf: (pointer) => pointerTo(theirs(pointer.split('/').slice(1))),
  };
}

interface Asked {
  readonly fields: Pick<CreateJobBody, 'messages' | 'resume'>;
  /** which of the client's messages each of the job's is */
  readonly origins: readonly number[];
}

/** An answer to a person's question: of AG-UI, or as LangGraph's own clients forward it. */
function resumeOf({ resume, forwardedProps }: Body): Asked | null {
  if (resume && resume.length > 0) {
    const answers = resume.map(({ interruptId, status, payload }) => [
      interruptId,
      status === 'resolved' ? (payload ?? null) : null,
    ]);
    return { fields: { resume: Object.fromEntries(answers) as unknown }, origins: [] };
  }
  const command = fieldIn(forwardedProps, 'command');
  const answer = fieldIn(command, 'resume');
  return answer === undefined ? null : { fields: { resume: answer }, origins: [] };
}

function messagesOf({ messages }: Body, isAgent: boolean): Asked {
  const all = messages.flatMap((message, index) => {
    const ours = messageOf(message, index);
    return ours === null ? [] : [{ ours, index }];
  });
  const firstNew = isAgent ? all.findLastIndex(({ ours }) => ours.role === 'assistant') + 1 : 0;
  const asked = all.slice(firstNew);
  return { fields: { messages: asked.map(({ ours }) => ours) }, origins: asked.map(({ index }) => index) };
}

function contextText({ context }: Body): string | null {
  if (!context || context.length === 0) return null;
  const lines = context.map(({ description, value }) => `${description}: ${value}`);
  return `What the application says of its present state:\n${lines.join('\n')}`;
}

function messageOf(given: Body['messages'][number], index: number): Message | null {
  switch (given.role) {
    case 'reasoning':
    case 'activity':
      return null;
    case 'assistant': {
      const toolCalls = (given.toolCalls ?? []).map(({ id, function: { name, arguments: args } }) => ({
        ...{ callId: id, name, arguments: args === '' ? '{}' : args },
      }));
      return {
        role: 'assistant',
        content: given.content ?? '',
        ...nameOf(given),
        ...(toolCalls.length > 0 ? { toolCalls } : {}),
      };
    }
    case 'tool':
      return { role: 'tool', content: contentOf(given.content, index), toolCallId: given.toolCallId };
    case 'user':
      return { role: 'user', content: contentOf(given.content, index), ...nameOf(given) };
    default:
      return { role: given.role, content: given.content, ...nameOf(given) };
  }
}

function nameOf({ name }: { readonly name?: string | null | undefined }): { name?: string } {
  return name ? { name } : {};
}

function contentOf(given: z.infer<typeof content>, message: number): Message['content'] {
  if (typeof given === 'string') return given;
  return given.map((each, index) => {
    if (each.type === 'text') return each;
    if (each.type === 'binary') return binaryPart(each, ['messages', message, 'content', index]);
    const type = each.type === 'document' ? 'file' : each.type;
    const { type: kind, value, mimeType } = each.source;
    return {
      type,
      ...(kind === 'url' ? { url: value } : { data: value }),
      ...(mimeType ? { mediaType: mimeType } : {}),
    };
  });
}

function binaryPart(
  { mimeType, url, data, filename }: Extract<z.infer<typeof part>, { type: 'binary' }>,
  place: Path,
): Exclude<Message['content'], string>[number] {
  const kind = /^(image|audio)\//.exec(mimeType)?.[1] as 'image' | 'audio' | undefined;
  const bytes = url ? { url } : data ? { data } : null;
  if (bytes === null) throw new RequestFault([{ pointer: pointerTo(place), detail: 'needs "url" or "data"' }]);
  return { type: kind ?? 'file', ...bytes, mediaType: mimeType, ...(filename ? { name: filename } : {}) };
}

function toolsOf({ tools }: Body): Pick<CreateJobBody, 'tools'> {
  if (!tools || tools.length === 0) return {};
  return {
    tools: tools.map(({ name, description, parameters }) => ({
      name,
      ...(description ? { description } : {}),
      parameters: parameters ?? { type: 'object', properties: {} },
    })),
  };
}

/** What an agent may read of the page, as `configurable.ag_ui`. */
function configOf({ state, context, forwardedProps }: Body): Record<string, unknown> {
  return { ag_ui: { state: state ?? null, context: context ?? [], forwardedProps: forwardedProps ?? null } };
}

function theirPlace([first, second, ...rest]: Path, origins: readonly number[]): Path {
  if (first !== 'messages')
    return first === undefined ? [] : [first, ...(second === undefined ? [] : [second]), ...rest];
  if (second === undefined) return ['messages'];
  const origin = origins[Number(second)];
  return ['messages', origin ?? second, ...rest];
}

function fieldIn(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
