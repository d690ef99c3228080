import { z } from 'zod';
import { boundedArray } from '../foreign/bounded.ts';

const TOOL_STATES = [
  ...(['input-streaming', 'input-available', 'approval-requested', 'approval-responded'] as const),
  ...(['output-available', 'output-error', 'output-denied'] as const),
] as const;

const approvalSchema = z.looseObject({
  id: z.string(),
  approved: z.boolean().optional(),
  reason: z.string().nullish(),
});

const toolFields = {
  toolCallId: z.string().min(1).max(256),
  state: z.enum(TOOL_STATES),
  input: z.unknown().optional(),
  rawInput: z.unknown().optional(),
  output: z.unknown().optional(),
  errorText: z.string().nullish(),
  approval: approvalSchema.nullish(),
};

const textPartSchema = z.looseObject({ type: z.literal('text'), text: z.string() });
const filePartSchema = z.looseObject({
  type: z.literal('file'),
  url: z.string(),
  mediaType: z.string().nullish(),
  filename: z.string().nullish(),
});
const dynamicToolSchema = z.looseObject({ type: z.literal('dynamic-tool'), toolName: z.string(), ...toolFields });
const toolSchema = z.looseObject({ type: z.string().startsWith('tool-'), ...toolFields });
/** Of no consequence for the model: reasoning, sources, data, and what newer versions have. */
const otherPartSchema = z.looseObject({ type: z.string() });

const partSchema = z.unknown().transform((given, context) => {
  const parsed = schemaOf(given).safeParse(given);
  if (parsed.success) return parsed.data;
  for (const { path, message } of parsed.error.issues) context.addIssue({ code: 'custom', path, message });
  return z.NEVER;
});

export type TextPart = z.output<typeof textPartSchema>;
export type FilePart = z.output<typeof filePartSchema>;
export type ToolPart = z.output<typeof toolSchema> | z.output<typeof dynamicToolSchema>;
export type UiPart = TextPart | FilePart | ToolPart | z.output<typeof otherPartSchema>;

const messageSchema = z.looseObject({
  id: z.string().max(512).nullish(),
  role: z.enum(['system', 'user', 'assistant']),
  parts: boundedArray(partSchema, { most: 10_000 }),
});

/** A message of a client's list. One of version 4, with its text as `content`, becomes one of parts. */
export const uiMessageSchema = z.preprocess((given) => {
  if (typeof given !== 'object' || given === null) return given;
  const { parts, content } = given as { parts?: unknown; content?: unknown };
  return parts === undefined && typeof content === 'string'
    ? { ...given, parts: [{ type: 'text', text: content }] }
    : given;
}, messageSchema);

export interface UiMessage {
  readonly id?: string | null | undefined;
  readonly role: 'system' | 'user' | 'assistant';
  readonly parts: readonly UiPart[];
}

export function isTextPart(part: UiPart): part is TextPart {
  return part.type === 'text';
}

export function isFilePart(part: UiPart): part is FilePart {
  return part.type === 'file';
}

export function isToolPart(part: UiPart): part is ToolPart {
  return part.type === 'dynamic-tool' || part.type.startsWith('tool-');
}

export function toolNameOf(part: ToolPart): string {
  return part.type === 'dynamic-tool' ? String(part['toolName']) : part.type.slice('tool-'.length);
}

function schemaOf(part: unknown): z.ZodType<UiPart> {
  const type: unknown = typeof part === 'object' && part !== null ? Reflect.get(part, 'type') : undefined;
  if (type === 'text') return textPartSchema;
  if (type === 'file') return filePartSchema;
  if (type === 'dynamic-tool') return dynamicToolSchema;
  return typeof type === 'string' && type.startsWith('tool-') ? toolSchema : otherPartSchema;
}
