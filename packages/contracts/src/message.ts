import { z } from 'zod';
import { countedArray } from './counted.ts';

/** The id of a tool call: given by the model, or made up by the caller. */
export const callIdSchema = z.string().min(1).max(256);

const participantName = z.string().min(1).max(128);
const mediaTypeSchema = z
  .string()
  .max(128)
  .regex(/^[a-z]+\/[a-z0-9][a-z0-9!#$&^_.+-]*$/i, 'must be a media type, such as "image/png"');

/** Content that is not text: its URL, or its bytes. */
function mediaPart<T extends string>(type: T) {
  return z
    .strictObject({
      type: z.literal(type),
      url: z
        .url({ protocol: /^https?$/, error: 'must be an http or https URL; give the bytes themselves as "data"' })
        .max(8_192)
        .optional()
        .describe('Where the model’s server finds it.'),
      data: z
        .base64('must be base64, with padding and without a "data:" prefix')
        .min(1)
        .optional()
        .describe('The bytes, as base64.'),
      mediaType: mediaTypeSchema.optional().describe('Of `data`; where it is left out, it is guessed.'),
      name: z.string().min(1).max(256).optional().describe('Of the file.'),
    })
    .refine(({ url, data }) => (url === undefined) !== (data === undefined), {
      message: 'give exactly one of "url" and "data"',
      path: ['url'],
    });
}

/** One part of a message's content. @see PROTOCOL.md §2 */
export const contentPartSchema = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('text'), text: z.string() }),
    mediaPart('image'),
    mediaPart('audio'),
    mediaPart('file'),
  ],
  { error: 'must be "text", "image", "audio" or "file"' },
);

/** A tool call as the model made it. `arguments` is JSON text, passed on unchanged. */
export const toolCallSchema = z.strictObject({
  callId: callIdSchema,
  name: participantName,
  arguments: z.string().refine(isJson, 'must be JSON text, as in the event tool_call'),
});

/** One message of a conversation. @see PROTOCOL.md §2 */
export const messageSchema = z
  .strictObject({
    role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
    content: z.union([z.string(), countedArray(contentPartSchema, { most: 100 })], {
      error: 'must be a string, or a list of parts',
    }),
    name: participantName.optional().describe('Who speaks, or which tool answers.'),
    toolCalls: countedArray(toolCallSchema, { most: 128 })
      .optional()
      .describe('Calls that the model made in this message; for the role `assistant`.'),
    toolCallId: callIdSchema.optional().describe('Which call this answers; for the role `tool`.'),
  })
  .superRefine(({ role, toolCalls, toolCallId }, context) => {
    const misplaced = (field: string, needed: string) =>
      context.addIssue({
        code: 'custom',
        path: [field],
        message: `belongs to the role "${needed}": leave it out, or change the role`,
      });
    if (toolCalls !== undefined && role !== 'assistant') misplaced('toolCalls', 'assistant');
    if (toolCallId !== undefined && role !== 'tool') misplaced('toolCallId', 'tool');
  });

export type Message = z.infer<typeof messageSchema>;
export type MessageContent = Message['content'];
export type ContentPart = z.infer<typeof contentPartSchema>;
export type MediaPart = Exclude<ContentPart, { readonly type: 'text' }>;
export type ToolCall = z.infer<typeof toolCallSchema>;

/** A message that a job has written: by the model (`assistant`) or a tool (`tool`). @see PROTOCOL.md §5 */
export interface SaidMessage {
  readonly role: 'assistant' | 'tool';
  readonly content: string;
  /** from the event `message_start`, if there was one */
  readonly messageId?: string;
  /** the tool's name */
  readonly name?: string;
  readonly toolCalls?: readonly ToolCall[];
  readonly toolCallId?: string;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
